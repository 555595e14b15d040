"""Conversion of annotations to shards.

readers/              annotation files -> samples: image path, boxes in pixels, class names
    voc.py | coco.py      one format each, with its options; __init__.py lists them
    voc_files.py          the annotation files of a VOC folder and its splits
    coco_fields.py        the fields of a COCO file
    names.py | locate.py  unusable names; files under names of other systems
look.py | sizes.py    checks of an image's head, as in `dali-ssd check`; of its size in the annotation
raster.py             boxes of the upright image, turned to the raw one
build.py              sample -> record: boxes to fractions, clipped; notes on what could not be used
run.py                all samples in parallel -> shards, classes.txt, report
report.py             notes, counted and explained
"""
