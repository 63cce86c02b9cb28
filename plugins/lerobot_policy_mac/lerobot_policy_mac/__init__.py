"""MAC as a policy of LeRobot's."""

from .configuration_mac import MacConfig
from .modeling_mac import MacPolicy
from .processor_mac import make_mac_pre_post_processors

__all__ = ["MacConfig", "MacPolicy", "make_mac_pre_post_processors"]
