from .queue_contrastive_head import QueueContrastiveHead
from .feature_regression_head import FeatureRegressionHead

__all__ = ['QueueContrastiveHead', 'FeatureRegressionHead']
