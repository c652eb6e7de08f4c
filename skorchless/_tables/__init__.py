"""Tables as their owners mean them: files to frames, texts to numbers and dates, notes on both.

`files` opens, `dialect` and `delimited` split text into fields, `columns` gives types by
`numbers` and `dates`; what was not plain becomes a note. Nothing here knows of models.
"""
