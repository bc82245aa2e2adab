"""What people look at: pictures, tables in Markdown, pages in HTML.

They show what result files hold. What stands in none is computed from the models and the text, by the equations.
"""
