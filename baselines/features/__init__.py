"""Descriptors of a track: timbre, rhythm and harmony, from one shared transform and essentia.

Everything here is arrays in, named numbers out. Of the baselines, only this package imports essentia.
"""

import essentia

# Before essentia.standard, which logs while it is being imported.
essentia.log.infoActive = False
essentia.log.warningActive = False
essentia.log.errorActive = False
