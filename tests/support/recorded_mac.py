"""An Apple machine as its own commands described it, for tests on other systems. Processes are those that run here."""

from __future__ import annotations

import json
from collections.abc import Sequence

from adapters.memory.darwin import run_command
from benchmarks.reporting.machine import DarwinMachine

SYSCTL = {
    "hw.memsize": "68719476736\n",
    "iogpu.wired_limit_mb": "0\n",
    "hw.model": "Mac14,13\n",
    "machdep.cpu.brand_string": "Apple M2 Max\n",
    "hw.physicalcpu": "12\n",
    "hw.perflevel0.physicalcpu": "8\n",
    "hw.perflevel1.physicalcpu": "4\n",
    "vm.swapusage": "total = 2048.00M  used = 51.25M  free = 1996.75M  (encrypted)\n",
}
VM_STAT = """Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                             1500000.
Pages active:                            700000.
Pages inactive:                          600000.
Pages speculative:                        55555.
Pages wired down:                        200000.
"""
DISPLAYS = json.dumps(
    {
        "SPDisplaysDataType": [
            {
                "_name": "Apple M2 Max",
                "spdisplays_mtlgpufamilysupport": "spdisplays_metal3",
                "spdisplays_vendor": "sppci_vendor_Apple",
                "sppci_bus": "spdisplays_builtin",
                "sppci_cores": "38",
                "sppci_device_type": "spdisplays_gpu",
                "sppci_model": "Apple M2 Max",
            }
        ]
    }
)


def recorded(command: Sequence[str]) -> str:
    program = command[0].rpartition("/")[2]
    match program:
        case "ps":
            return run_command(command)
        case "sysctl":
            return SYSCTL.get(command[-1], "")
        case _:
            return {"vm_stat": VM_STAT, "system_profiler": DISPLAYS, "sw_vers": "15.7\n"}[program]


def recorded_mac() -> DarwinMachine:
    return DarwinMachine(recorded)
