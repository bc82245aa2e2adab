def two_runs_page(x):
    return ""
