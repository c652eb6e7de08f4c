"""Second derivatives: the moments of features, and approximate and exact Hessians."""
