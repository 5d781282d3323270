"""What `anxin bench turns` and `anxin bench load` are made of: contenders, clients, figures, the report."""
