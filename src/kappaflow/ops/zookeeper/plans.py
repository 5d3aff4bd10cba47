"""Another ensemble, as a plan: one more or one fewer server at a time, the leader last.

A new server starts first, then the old ones learn of it one by one. The next one comes when all have the same list:
majorities of n and of n + 1 servers have a server in common, so that there are never two ensembles, whoever dies
meanwhile. From three to five at once, two old servers would be a majority, and the three others one, too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kappaflow.errors import UnsafeError, UsageError
from kappaflow.ops.hosts.face import Host
from kappaflow.ops.plans.plan import Plan, Step, new_plan
from kappaflow.ops.session import OpsSession
from kappaflow.ops.zookeeper import texts as _texts
from kappaflow.ops.zookeeper.looks import look_at_servers
from kappaflow.ops.zookeeper.replacing import against_replacing
from kappaflow.ops.zookeeper.status import EnsembleState, ensemble_state
from kappaflow.ops.zookeeper.zoo_cfg import read_servers
from kappaflow.runtime.messages import Text, message, text

assert _texts


def _content(host: Host) -> str:
    return host.read_file(host.entry.config_file).decode()


def _hosts(session: OpsSession) -> dict[int, Host]:
    hosts = {host.entry.node_id: host for host in session.hosts.all("zookeeper")} if session.context.hosts else {}
    if not hosts:
        raise UsageError(message("zookeeper.no_hosts", cluster=session.context.name))
    nameless = [number for number, host in hosts.items() if not host.entry.config_file]
    if nameless:
        raise UsageError(message("zookeeper.no_file", server=nameless[0]))
    return hosts


def _members(session: OpsSession, hosts: dict[int, Host]) -> dict[int, str]:
    """The servers of the ensemble now; the same in every file.

    Raises:
        UnsafeError: two files name different servers: a change was not finished.
    """
    state = ensemble_state(session)
    found: dict[int, str] | None = None
    for server in state.servers:
        if server.server_id not in hosts or server.mode == "down":
            continue
        servers = read_servers(_content(hosts[server.server_id]))
        if found is not None and servers != found:
            raise UnsafeError(message("zookeeper.differ", server=server.server_id))
        found = servers
    if not found:
        raise UsageError(message("zookeeper.standalone"))
    return found


def _require_whole(state: EnsembleState) -> None:
    if not state.is_whole():
        problems = "; ".join(str(problem) for problem in state.problems()) or str(text("zookeeper.not_whole"))
        raise UnsafeError(message("zookeeper.heal_first", problems=problems))


def _last(state: EnsembleState, numbers: Collection[int]) -> list[int]:
    """These servers, the leader last."""
    leader = state.leader
    leads = -1 if leader is None else leader.server_id
    return sorted(numbers, key=lambda number: (number == leads, number))


def plan_scale_out(session: OpsSession, numbers: Sequence[int]) -> Plan:
    """A plan that adds servers to an ensemble.

    The context names the new servers as hosts with their configuration files and, in the option ``server``, their
    address as ``host:peer:election``. Their files hold everything but the list of servers.

    Raises:
        UsageError: a server is not named, or is a member already.
        UnsafeError: the ensemble is not whole now.
    """
    hosts = _hosts(session)
    members = _members(session, hosts)
    state = ensemble_state(session)
    _require_whole(state)
    after = dict(members)
    for number in numbers:
        if number in members:
            raise UsageError(message("zookeeper.member", server=number))
        if number not in hosts:
            raise UsageError(message("zookeeper.no_host", server=number))
        address = hosts[number].entry.options.get("server", "")
        if address.count(":") < 2:
            raise UsageError(message("zookeeper.no_address", server=number))
        after[number] = address
    steps: list[Step] = []
    servers, order = dict(members), _last(state, members)
    for number in sorted(numbers):
        servers[number] = after[number]
        changed = {"servers": _rows(servers), "interim": servers != after}
        steps.append(Step("zookeeper.join", {"server": number} | changed))
        steps += [Step("zookeeper.reconfigure", {"server": old} | changed) for old in order]
        # When the leader has gone the one of the highest number leads, of those that have everything.
        order = sorted(servers)
    return new_plan(
        session,
        text("zookeeper.scale_out.title", before=len(members), after=len(after)),
        steps,
        effects=[*map(_arithmetic, range(len(members), len(after) + 1)), *_connect(session)],
        warnings=[text("zookeeper.even", voting=len(after), fewer=len(after) - 1)] if len(after) % 2 == 0 else [],
        cluster_id="",
    )


def plan_remove(session: OpsSession, numbers: Sequence[int]) -> Plan:
    """A plan that takes servers out of an ensemble; they may be down.

    Raises:
        UsageError: a server is no member, or fewer than one would stay.
        UnsafeError: what stays is not whole now, or no server can restart while others are dead.
    """
    hosts = _hosts(session)
    members = _members(session, hosts)
    state = ensemble_state(session)
    unknown = sorted(set(numbers) - set(members))
    if unknown:
        raise UsageError(message("zookeeper.no_member", server=unknown[0]))
    after = {number: address for number, address in members.items() if number not in numbers}
    if not after:
        raise UsageError(message("zookeeper.all"))
    serving = {s.server_id for s in state.servers if s.mode in ("leader", "follower")}
    if state.can_lose < 0 or not set(after) <= serving:
        raise UnsafeError(message("zookeeper.heal_first", problems="; ".join(map(str, state.problems()))))
    dead = sorted(set(numbers) - serving)
    if dead and len(serving) - 1 < len(members) // 2 + 1:
        needed = len(members) // 2 + 1
        raise UnsafeError(message("zookeeper.replace_first", server=dead[0], serving=len(serving), quorum=needed))
    silent = {look.number for look in look_at_servers(session) if look.problem} - serving
    steps: list[Step] = []
    servers, order = dict(members), _last(state, serving & set(members))
    for number in sorted(numbers, key=lambda n: (n in serving, n)):  # those that are down first: the quorum grows
        del servers[number]
        changed = {"servers": _rows(servers), "interim": servers != after}
        changed |= {"others": sorted({number} & serving), "down": sorted(set(members) - serving)}
        order = [n for n in order if n in servers]
        steps += [Step("zookeeper.reconfigure", {"server": stays} | changed) for stays in order]
        if number in hosts and number not in silent:
            steps.append(Step("zookeeper.leave", {"server": number, "servers": _rows(servers)}))
        order = sorted(order)
    return new_plan(
        session,
        text("zookeeper.remove.title", servers=", ".join(map(str, sorted(numbers))), after=len(after)),
        steps,
        effects=[*map(_arithmetic, range(len(members), len(after) - 1, -1)), *_connect(session)],
        warnings=[
            *([text("zookeeper.even", voting=len(after), fewer=len(after) - 1)] if len(after) % 2 == 0 else []),
            *(text("zookeeper.stay_away", server=n, address=members[n]) for n in sorted(silent & set(numbers))),
        ],
        confirmation=",".join(map(str, sorted(numbers))),
        cluster_id="",
    )


def plan_replace(session: OpsSession, number: int) -> Plan:
    """A plan that starts a server in the place of a dead one, under its number.

    The context names the new machine as the host of that number, with its configuration file and, in the option
    ``server``, its address; the file holds everything but the list of servers. Without another address the server
    comes back where it was.

    Raises:
        UsageError: the server is not named, or no member.
        UnsafeError: it serves, or the old one still answers, or the others are no quorum.
    """
    hosts = _hosts(session)
    members = _members(session, hosts)
    if number not in members:
        raise UsageError(message("zookeeper.no_member", server=number))
    if number not in hosts:
        raise UsageError(message("zookeeper.no_host", server=number))
    serving = {s.server_id for s in ensemble_state(session).servers if s.mode in ("leader", "follower")}
    if number in serving:
        raise UnsafeError(message("zookeeper.serves", server=number))
    before = members[number]
    servers = members | {number: hosts[number].entry.options.get("server", "") or before}
    tell = sorted(serving & set(members))
    shared = {"server": number, "servers": _rows(servers), "down": sorted(set(members) - serving - {number})}
    replace = shared | {"before": before}
    against = against_replacing(session, replace)
    if against:
        raise UnsafeError("; ".join(map(str, against)))
    steps, moves = [Step("zookeeper.replace", replace)], servers != members
    if moves:
        steps.append(Step("zookeeper.tell", shared | {"tell": tell}))
    return new_plan(
        session,
        text("zookeeper.replace.title", server=number, address=servers[number]),
        steps,
        effects=[_arithmetic(len(members)), *(_connect(session) if moves else [])],
        warnings=[text("zookeeper.stay_away", server=number, address=before)] if moves else [],
        confirmation=str(number),
        cluster_id="",
    )


def plan_restart(session: OpsSession, numbers: Sequence[int] | None = None) -> Plan:
    """A plan that restarts servers one by one, the leader last.

    Raises:
        UsageError: a server is no member.
        UnsafeError: the ensemble is not whole now.
    """
    hosts = _hosts(session)
    members = _members(session, hosts)
    state = ensemble_state(session)
    _require_whole(state)
    unknown = sorted(set(numbers or ()) - set(members))
    if unknown:
        raise UsageError(message("zookeeper.no_member", server=unknown[0]))
    order = _last(state, numbers or members)
    return new_plan(
        session,
        text("zookeeper.restart.title", count=len(order)),
        [Step("zookeeper.restart", {"server": number}) for number in order],
        effects=[_arithmetic(len(members))],
        cluster_id="",
    )


def _rows(servers: dict[int, str]) -> list[list[object]]:
    return [[number, address] for number, address in sorted(servers.items())]


def _arithmetic(voting: int) -> Text:
    quorum = voting // 2 + 1
    return text("zookeeper.arithmetic", voting=voting, quorum=quorum, lose=voting - quorum)


def _connect(session: OpsSession) -> list[Text]:
    """Brokers find new servers only when their own list names them."""
    return [text("zookeeper.connect")] if session.context.bootstrap_servers else []
