"""Annotations to shards.

readers/              annotation files -> samples: an image's path, its boxes in pixels, class names
    voc.py | coco.py      a format each, with its options; __init__.py lists them
    voc_files.py          the annotation files of a VOC folder and its splits
    coco_fields.py        the fields of a COCO file
    names.py | locate.py  names that cannot be used; files by names of other systems
look.py | sizes.py    the head of an image, as `dali-ssd check` looks at it; its size, as the annotation has it
raster.py             boxes of an upright picture, turned to the raw one
build.py              sample -> record: boxes to fractions, clipped; what could not be used, as notes
run.py                all samples in parallel -> shards, classes.txt, report
report.py             notes, counted and explained
"""
