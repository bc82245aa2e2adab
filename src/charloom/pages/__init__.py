"""What people look at: pages in HTML, and their pictures as files.

They show what result files hold. What stands in none is computed from the models and the text, by the equations.
"""
