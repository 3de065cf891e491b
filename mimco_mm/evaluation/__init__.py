from .features import extract_features, labelled_folder, labelled_loader, readable_features
from .frozen_backbone import (
    join_processes,
    leave_processes,
    load_described_backbone,
    load_frozen_backbone,
)
from .frozen_maps import feature_maps, titled_features
from .global_features import extract_global_features, global_feature
from .knn import knn_accuracies, knn_accuracy, nearest_neighbours
from .representation import feature_std, rankme
from .retrieval import ranking_scores, retrieval_scores
from .titled_backbones import load_titled_backbones, own_size

__all__ = [
    'extract_features', 'extract_global_features', 'feature_maps', 'feature_std',
    'global_feature', 'join_processes', 'knn_accuracies', 'knn_accuracy', 'labelled_folder',
    'labelled_loader', 'leave_processes', 'load_described_backbone', 'load_frozen_backbone',
    'load_titled_backbones', 'nearest_neighbours', 'own_size', 'rankme', 'ranking_scores',
    'readable_features', 'retrieval_scores', 'titled_features'
]
