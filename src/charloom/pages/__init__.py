"""What people look at: pictures, tables in Markdown, pages in HTML.

They show what result files hold and compute nothing.
"""
