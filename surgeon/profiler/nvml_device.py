"""Finding a card in NVML, for the fingerprint and for the sensor that watches while it is timed. Torch-free."""

from __future__ import annotations

from typing import Any


def nvml_handle(nvml: Any, uuid: str | None, *, whole_card: bool = False) -> Any:
    """NVML's handle of the device that PyTorch knows by this UUID; None where it does not know it.

    NVML numbers devices otherwise than CUDA does, so a number is trusted only where there is one.

    Args:
        nvml: The module ``pynvml``, initialised.
        uuid: With or without its prefix ``GPU-`` or ``MIG-``; None only finds a machine's only card.
        whole_card: Of a MIG instance the card that it is a part of: clocks and processes are known of that alone.

    Raises:
        nvml.NVMLError: NVML does not even tell how many devices there are.
    """
    names = () if uuid is None else (uuid,) if uuid.startswith(("GPU-", "MIG-")) else (f"GPU-{uuid}", f"MIG-{uuid}")
    for name in names:
        try:
            handle = nvml.nvmlDeviceGetHandleByUUID(name)
            if whole_card and name.startswith("MIG-"):
                handle = nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle)
            return handle
        except nvml.NVMLError:
            continue
    return nvml.nvmlDeviceGetHandleByIndex(0) if nvml.nvmlDeviceGetCount() == 1 else None
