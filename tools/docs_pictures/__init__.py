"""The pictures of the documentation, made by the package's own code from drawn scenes.

    python -m tools.docs_pictures docs/pictures

`scene` draws images and writes them as records; `record` and `anchors` make pictures of what the package does with
them, and `reports` of what reports show; `paper` is how all of them look.
"""
