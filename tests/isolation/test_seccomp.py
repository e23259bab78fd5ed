"""The filter as a table: what the kernel would answer for a system call."""

from __future__ import annotations

import errno
import struct

import pytest

from sandboxes.isolation import seccomp

X86_64 = 0xC000003E
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM = ERRNO | errno.EPERM


def answer(
    number: int,
    *,
    arch: int = X86_64,
    first_argument: int = 0,
    second_argument: int = 0,
    third_argument: int = 0,
    in_cell: bool = True,
) -> int:
    """Runs the programs of a jail and of a cell in it as the kernel does."""
    programs = [
        seccomp.jail_program("x86_64"),
        *([seccomp.cell_program("x86_64")] if in_cell else []),
    ]
    # The kernel takes the strictest answer: the lowest of these values, as a signed number.
    return min(
        (
            _answer_of(program, number, arch, (first_argument, second_argument, third_argument))
            for program in programs
        ),
        key=lambda action: action - (action >> 31 << 32),
    )


def _answer_of(
    program: bytes | None, number: int, arch: int, arguments: tuple[int, int, int]
) -> int:
    assert program is not None
    instructions = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    data = struct.pack("=IIQ6Q", number, arch, 0, *arguments, 0, 0, 0)
    accumulator, position = 0, 0
    while True:
        code, if_true, if_false, operand = instructions[position]
        position += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, operand)
            case 0x06:
                return int(operand)
            case 0x15:
                position += if_true if accumulator == operand else if_false
            case 0x35:
                position += if_true if accumulator >= operand else if_false
            case 0x45:
                position += if_true if accumulator & operand else if_false
            case 0x54:
                accumulator &= operand


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(0, ALLOW, id="read"),
        pytest.param(41, EPERM, id="socket"),
        pytest.param(53, ALLOW, id="socketpair"),
        pytest.param(57, ALLOW, id="fork"),
        pytest.param(59, ALLOW, id="execve"),
        pytest.param(101, EPERM, id="ptrace"),
        pytest.param(165, EPERM, id="mount"),
        pytest.param(272, EPERM, id="unshare"),
        pytest.param(310, EPERM, id="process_vm_readv"),
        pytest.param(321, EPERM, id="bpf"),
        pytest.param(425, EPERM, id="io_uring_setup"),
        pytest.param(435, ERRNO | errno.ENOSYS, id="clone3"),
        pytest.param(294, EPERM, id="inotify_init1"),
        pytest.param(162, EPERM, id="sync"),
        pytest.param(452, ALLOW, id="fchmodat2"),
        pytest.param(457, ERRNO | errno.ENOSYS, id="statmount"),
        pytest.param(600, ERRNO | errno.ENOSYS, id="a-call-of-the-future"),
        pytest.param(0x40000000 | 41, KILL, id="x32"),
    ],
)
def test_calls(number: int, expected: int) -> None:
    assert answer(number) == expected


def test_foreign_architectures_are_killed() -> None:
    assert answer(0, arch=0x40000003) == KILL


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param(0x003D0F00, ALLOW, id="a-thread"),
        pytest.param(17, ALLOW, id="a-fork"),
        pytest.param(0x10000000 | 17, EPERM, id="user-namespace"),
        pytest.param(0x00020000 | 17, EPERM, id="mount-namespace"),
        pytest.param(0x40000000 | 17, EPERM, id="network-namespace"),
    ],
)
def test_clone_makes_no_namespaces(flags: int, expected: int) -> None:
    assert answer(56, first_argument=flags) == expected


@pytest.mark.parametrize(
    ("number", "flags"),
    [
        pytest.param(165, 0, id="mount"),
        pytest.param(56, 0x30020000 | 17, id="clone-into-namespaces"),
    ],
)
def test_the_first_process_of_a_jail_can_make_cells(number: int, flags: int) -> None:
    assert answer(number, first_argument=flags, in_cell=False) == ALLOW


def test_no_socket_tells_who_made_it() -> None:
    assert answer(55, first_argument=4, second_argument=1, third_argument=77) == EPERM


def test_where_devices_are_shared_nobody_leaves_a_time_on_them() -> None:
    program = seccomp.cell_program("x86_64", shares_devices=True)

    assert [_answer_of(program, number, X86_64, (0, 0, 0)) for number in (132, 235, 261, 280)] == [
        EPERM
    ] * 4
    assert answer(280) == ALLOW


def test_other_machines_have_no_filter() -> None:
    assert seccomp.jail_program("riscv64") is None
    assert seccomp.cell_program("riscv64") is None
    assert seccomp.jail_program("aarch64") is not None
    assert seccomp.cell_program("aarch64") is not None


@pytest.mark.parametrize(
    ("number", "arguments", "expected"),
    [
        pytest.param(55, (1, 3), ALLOW, id="getsockopt"),
        pytest.param(302, (0, 7), ALLOW, id="prlimit-of-its-own"),
        pytest.param(302, (1, 7), EPERM, id="prlimit-of-process-1"),
        pytest.param(16, (4, 0x541B), ALLOW, id="ioctl-of-a-file"),
        pytest.param(16, (4, 0x8912), EPERM, id="ioctl-that-lists-interfaces"),
        pytest.param(49, (4, 0), EPERM, id="bind"),
        pytest.param(141, (0, 0), EPERM, id="setpriority"),
    ],
)
def test_arguments(number: int, arguments: tuple[int, int], expected: int) -> None:
    first, second = arguments

    assert answer(number, first_argument=first, second_argument=second) == expected


@pytest.mark.parametrize("number", [62, 129, 200, 234, 297])
def test_no_signal_reaches_the_first_process_of_a_cell(number: int) -> None:
    assert answer(number, first_argument=1) == EPERM
    assert answer(number, first_argument=2) == ALLOW
    assert answer(number, first_argument=1, in_cell=False) == ALLOW


def test_calls_that_are_denied_have_names() -> None:
    assert {"socket", "unshare", "bpf"} <= set(seccomp.denied_calls("x86_64"))
    assert not {"mount", "clone", "clone3"} & set(seccomp.denied_calls("x86_64"))
    assert seccomp.denied_calls("riscv64") == ()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param(0o020600, EPERM, id="character-device"),
        pytest.param(0o060600, EPERM, id="block-device"),
        pytest.param(0o010600, ALLOW, id="fifo"),
        pytest.param(0o100600, ALLOW, id="regular-file"),
    ],
)
def test_device_files_are_not_made(kind: int, expected: int) -> None:
    assert answer(133, second_argument=kind) == expected
    assert answer(259, third_argument=kind) == expected
