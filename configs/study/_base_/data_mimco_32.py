# One light view, masked.
_base_ = 'data_32.py'

data_preprocessor = dict(views=[_base_.light_view], mask=_base_.mask)
