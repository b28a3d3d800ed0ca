//! Refuses system calls with which a process could reach other hosts or other processes.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::infra::confinement::Degree;

/// Which connections the process may still open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    pub unix: bool,
    pub tcp: bool,
}

impl Outgoing {
    fn is_none(self) -> bool {
        !self.unix && !self.tcp
    }
}

/// Always refused. Listeners are open by then; replies need no address. `io_uring` could do the same past the filter;
/// `memfd_create` makes programs that Landlock does not see.
const REFUSED: [i64; 16] = [
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_pidfd_getfd,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_open_by_handle_at,
    libc::SYS_memfd_create,
    libc::SYS_execveat,
];

/// The same calls under the numbers of x32, an ABI that a kernel for x86-64 may also have. The first is a flag on the
/// ordinary numbers. Source: Linux, arch/x86/entry/syscalls/syscall_64.tbl: execve, sendmsg, ptrace, sendmmsg,
/// process_vm_readv, process_vm_writev, execveat.
const X32_FLAG: i64 = 0x4000_0000;
const X32_NUMBERS: [i64; 7] = [520, 518, 521, 538, 539, 540, 545];

/// Obsolete, but the kernel takes it. Source: Linux, include/linux/net.h.
const SOCK_PACKET: i32 = 10;

/// Applies to all threads of the process, existing ones too, and to all that it starts.
pub fn restrict_calls(outgoing: Outgoing) -> Degree {
    degree(filter(outgoing, true).and_then(|filter| {
        seccompiler::apply_filter_all_threads(&filter).map_err(|error| error.to_string())
    }))
}

/// Applies to the calling thread, and to all that it starts.
pub fn restrict_calls_of_thread(outgoing: Outgoing) -> Degree {
    degree(
        filter(outgoing, true).and_then(|filter| {
            seccompiler::apply_filter(&filter).map_err(|error| error.to_string())
        }),
    )
}

/// As [`restrict_calls`] without connections, and without programs.
pub fn restrict_worker() -> Degree {
    degree(filter(Outgoing::default(), false).and_then(|filter| {
        seccompiler::apply_filter_all_threads(&filter).map_err(|error| error.to_string())
    }))
}

fn degree(applied: Result<(), String>) -> Degree {
    match applied {
        Ok(()) => Degree::Full,
        Err(error) => Degree::None(format!("seccomp: {error}")),
    }
}

fn filter(outgoing: Outgoing, runs_programs: bool) -> Result<BpfProgram, String> {
    let rules = rules(outgoing, runs_programs).map_err(|error| error.to_string())?;
    let arch = std::env::consts::ARCH;
    let arch = TargetArch::try_from(arch).map_err(|_| format!("not available on {arch}"))?;
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)
        .and_then(BpfProgram::try_from)
        .map_err(|error| error.to_string())
}

/// An empty list of rules refuses the call, a rule only if all its conditions hold.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn rules(outgoing: Outgoing, runs_programs: bool) -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = REFUSED.iter().map(|call| (*call, Vec::new())).collect();
    // A destination would open a connection (TCP Fast Open).
    let has_destination = SeccompCondition::new(4, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
    rules.insert(libc::SYS_sendto, vec![SeccompRule::new(vec![has_destination])?]);
    rules.insert(libc::SYS_socket, refused_sockets(outgoing)?);
    if outgoing.is_none() {
        rules.insert(libc::SYS_connect, Vec::new());
    }
    if !runs_programs {
        rules.insert(libc::SYS_execve, Vec::new());
    }
    if cfg!(target_arch = "x86_64") {
        let ordinary: Vec<i64> = rules.keys().copied().collect();
        for call in ordinary.into_iter().chain(X32_NUMBERS) {
            rules.insert(call | X32_FLAG, Vec::new());
        }
    }
    Ok(rules)
}

/// Sockets of another kind than those that are needed; an empty list refuses all.
fn refused_sockets(outgoing: Outgoing) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    if outgoing.is_none() {
        return Ok(Vec::new());
    }
    let is_not = |argument, value: i32| {
        let value = u64::from(value.unsigned_abs());
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
    };
    let mut families = Vec::new();
    if outgoing.unix {
        families.push(is_not(0, libc::AF_UNIX)?);
    }
    if outgoing.tcp {
        families.extend([is_not(0, libc::AF_INET)?, is_not(0, libc::AF_INET6)?]);
    }
    // Landlock restricts the ports of TCP, but not those of MPTCP and SCTP.
    let protocols = vec![is_not(2, 0)?, is_not(2, libc::IPPROTO_TCP)?];
    let mut refused = vec![SeccompRule::new(families)?, SeccompRule::new(protocols)?];
    let others = [
        libc::SOCK_DGRAM,
        libc::SOCK_RAW,
        libc::SOCK_RDM,
        libc::SOCK_SEQPACKET,
        libc::SOCK_DCCP,
        SOCK_PACKET,
    ];
    for kind in others {
        // The other bits are flags. Source: socket(2).
        let is_kind = SeccompCmpOp::MaskedEq(0xf);
        let kind = u64::from(kind.unsigned_abs());
        let kind = SeccompCondition::new(1, SeccompCmpArgLen::Dword, is_kind, kind)?;
        refused.push(SeccompRule::new(vec![kind])?);
    }
    Ok(refused)
}
