"""MLflow: the only room that imports it. Runs, models and the pages that show them are made from files.

No number of a result comes from here, and no store can hold a training up or fail it.
"""
