from .features import (
    extract_features,
    labelled_folder,
    labelled_loader,
    pooled,
    readable_features,
)
from .frozen_backbone import (
    described_config,
    join_processes,
    leave_processes,
    load_described_backbone,
    load_frozen_backbone,
)
from .frozen_maps import NORMALISATION, feature_maps, map_reader, titled_features
from .global_features import extract_global_features, global_feature
from .knn import knn_accuracies, knn_accuracy, nearest_neighbours
from .representation import feature_std, rankme
from .retrieval import ranking_scores, retrieval_scores
from .titled_backbones import heads_by_title, load_titled_backbones, own_size, titled

__all__ = [
    'NORMALISATION', 'described_config', 'extract_features', 'extract_global_features',
    'feature_maps', 'feature_std', 'global_feature', 'heads_by_title', 'join_processes',
    'knn_accuracies', 'knn_accuracy', 'labelled_folder', 'labelled_loader', 'leave_processes',
    'load_described_backbone', 'load_frozen_backbone', 'load_titled_backbones', 'map_reader',
    'nearest_neighbours', 'own_size', 'pooled', 'rankme', 'ranking_scores', 'readable_features',
    'retrieval_scores', 'titled', 'titled_features'
]
