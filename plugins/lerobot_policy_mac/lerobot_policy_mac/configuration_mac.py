"""Configuration of MAC for LeRobot's commands."""

from dataclasses import dataclass, field

from lerobot.configs.policies import PreTrainedConfig
from lerobot.configs.types import FeatureType, NormalizationMode
from lerobot.optim.optimizers import AdamWConfig

from mac_control.policies import MacConfig as Network


@PreTrainedConfig.register_subclass("mac")
@dataclass
class MacConfig(PreTrainedConfig):
    """An any-order model of one action, given the state and any of its dimensions.

    Args:
        mac: options of mac-control's policy: width, masks, decoding and so on.
        margin: the action box is the range of the training data, wider by this share at each end.
        action_names: names of the action's dimensions, filled in from the data set.
        optimizer_lr, optimizer_weight_decay: settings of AdamW.
    """

    mac: Network = field(default_factory=Network)
    margin: float = 0.05
    action_names: list[str] = field(default_factory=list)
    optimizer_lr: float = 1e-3
    optimizer_weight_decay: float = 1e-4
    # The policy normalizes internally: its density is in the action's own units.
    normalization_mapping: dict[str, NormalizationMode] = field(
        default_factory=lambda: {
            "STATE": NormalizationMode.IDENTITY,
            "ENV": NormalizationMode.IDENTITY,
            "VISUAL": NormalizationMode.IDENTITY,
            "ACTION": NormalizationMode.IDENTITY,
        }
    )

    @property
    def state_keys(self) -> list[str]:
        """Names of the inputs that are read: the robot's state, then the environment's."""
        seen = (FeatureType.STATE, FeatureType.ENV)
        pairs = (self.input_features or {}).items()
        return [key for kind in seen for key, feature in pairs if feature.type is kind]

    @property
    def observation_delta_indices(self) -> None:
        return None

    @property
    def action_delta_indices(self) -> None:
        return None

    @property
    def reward_delta_indices(self) -> None:
        return None

    def get_optimizer_preset(self) -> AdamWConfig:
        return AdamWConfig(lr=self.optimizer_lr, weight_decay=self.optimizer_weight_decay)

    def get_scheduler_preset(self) -> None:
        return None

    def validate_features(self) -> None:
        if not self.state_keys:
            raise ValueError(
                "mac: expected a state among the inputs, got none; it sees no pictures"
            )
        if self.action_feature is None:
            raise ValueError("mac: expected an action among the outputs, got none")
