"""Run the notebooks of drafts: kernels run their cells, and each kernel is a job of the project."""
