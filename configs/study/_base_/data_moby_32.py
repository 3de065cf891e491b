# MoBY's two views.
_base_ = 'data_32.py'

data_preprocessor = dict(views=[_base_.moby_view_1, _base_.moby_view_2])
