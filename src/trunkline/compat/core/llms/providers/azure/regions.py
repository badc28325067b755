"""Regions of Azure, as they stand in the names of resources."""

from __future__ import annotations

# Those that run OpenAI's models (Microsoft's table of models by region), and their pairs.
REGIONS = (
    "australiaeast", "australiasoutheast", "brazilsouth", "canadacentral", "canadaeast", "centralindia", "centralus", "eastasia",
    "eastus", "eastus2", "francecentral", "germanywestcentral", "italynorth", "japaneast", "japanwest", "koreacentral",
    "northcentralus", "northeurope", "norwayeast", "polandcentral", "southafricanorth", "southcentralus", "southeastasia",
    "southindia", "spaincentral", "swedencentral", "switzerlandnorth", "switzerlandwest", "uaenorth", "uksouth", "ukwest",
    "usgovarizona", "usgovvirginia", "westcentralus", "westeurope", "westindia", "westus", "westus2", "westus3",
)  # fmt: skip


def region_of(host: str) -> str | None:
    """The region that the first word of ``host`` names (``acme-eastus2.openai.azure.com``); None: it names none."""
    name = host.partition(".")[0].replace("-", "").replace("_", "")
    return max((region for region in REGIONS if region in name), key=len, default=None)
