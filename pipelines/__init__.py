"""Pipelines and recipes: the steps of `dali_ssd.graph`, in which order, and with which numbers.

Apart from `dali_ssd` so that a user's own pipelines stand beside these on equal terms: the package finds them all by
name, through the entry-point group `dali_ssd.pipelines`, or as `module:function`.
"""
