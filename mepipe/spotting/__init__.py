"""Spotting: onset, apex and offset of a clip, as plain functions on arrays.

`flow_peak` and `lbp_divide` find the key frames, `midpoint` guesses them. Each returns
a `Spotted`. `visible_span` says in which frames the face is seen at all. Crops are
aligned faces (`mepipe.face.warp_face`), all cut out through one transform.
"""

from mepipe.spotting.centre import midpoint
from mepipe.spotting.key_frames import RegionPolygon, Spotted
from mepipe.spotting.lbp_divide import lbp_divide
from mepipe.spotting.peak import flow_peak
from mepipe.spotting.visible import visible_span

__all__ = ["RegionPolygon", "Spotted", "flow_peak", "lbp_divide", "midpoint", "visible_span"]
