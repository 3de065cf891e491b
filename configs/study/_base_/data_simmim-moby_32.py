# MoBY's two views, and a third as MimCo's, with its masks.
_base_ = 'data_32.py'

data_preprocessor = dict(
    views=[_base_.moby_view_1, _base_.moby_view_2, _base_.light_view], mask=_base_.mask)
