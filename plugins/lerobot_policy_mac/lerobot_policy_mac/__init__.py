"""MAC as a LeRobot policy."""

from .configuration_mac import MacConfig
from .modeling_mac import MacPolicy
from .processor_mac import make_mac_pre_post_processors

__all__ = ["MacConfig", "MacPolicy", "make_mac_pre_post_processors"]
