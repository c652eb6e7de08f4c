"""A callback that remembers, for the tests of what estimators tell scikit-learn's callbacks."""


class Recorder:
    """Records what it is told, and asks to stop after ``stop_after`` tasks have ended."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.events = []
        self.max_subtasks = {}
        self.coefs = {}
        self.first_coefs = {}

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X, y, fitted_estimator):
        task = (context.task_name, context.task_id)
        self.events.append(("begin", *task))
        self.max_subtasks[task] = context.max_subtasks
        if fitted_estimator is not None:
            self.first_coefs[task] = fitted_estimator.coef_
            assert fitted_estimator.predict(X).shape == y.shape

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        task = (context.task_name, context.task_id)
        self.events.append(("end", *task))
        self.coefs[task] = fitted_estimator.coef_
        assert fitted_estimator.predict(X).shape == y.shape
        return len(self.coefs) == self.stop_after
