"""Texts about ZooKeeper ensembles."""

from __future__ import annotations

from kappaflow.runtime.messages import register

ENGLISH = {
    "zookeeper.none": "cluster {cluster} names no ZooKeeper servers; add them: kappa cluster add {cluster} --zookeeper HOST:PORT",
    "zookeeper.no_hosts": "cluster {cluster} names no hosts with the role zookeeper in clusters.toml",
    "zookeeper.no_host": "there is no host with the role zookeeper and node_id {server} in clusters.toml",
    "zookeeper.no_file": "the host of ZooKeeper server {server} names no config_file in clusters.toml",
    "zookeeper.no_address": 'the host of ZooKeeper server {server} needs server = "host:2888:3888" in clusters.toml',
    "zookeeper.member": "server {server} is a member already",
    "zookeeper.no_member": "server {server} is no member",
    "zookeeper.all": "no server would stay",
    "zookeeper.standalone": "the files name no servers: a standalone server cannot be scaled out while it serves",
    "zookeeper.differ": "the file of server {server} names other servers than the others: a change was not finished; resume it",
    "zookeeper.not_whole": "not every server follows the leader",
    "zookeeper.heal_first": "the ensemble is not whole, heal it first: {problems}",
    "zookeeper.down": "server {server} ({address}) does not serve: {problem}",
    "zookeeper.stopped": "server {server} does not run",
    "zookeeper.not_up": "server {server} does not run, so that nobody hands leadership over; it logged: {log}",
    "zookeeper.no_quorum": "{serving} of {voting} servers serve; {quorum} are needed: there is no quorum",
    "zookeeper.no_leader": "there is no leader: an election is under way",
    "zookeeper.two_leaders": "servers {servers} lead at once: they are two ensembles",
    "zookeeper.followers": "the leader has {found} followers in sync instead of {wanted}",
    "zookeeper.even": "{voting} servers bear no more losses than {fewer}: take an odd number",
    "zookeeper.last": "{serving} servers serve, {quorum} are needed: the next loss stops everything",
    "zookeeper.arithmetic": "{voting} servers: quorum {quorum}, {lose} may be lost",
    "zookeeper.connect": "write the new list into zookeeper.connect of the brokers, too: kappa brokers rollout",
    "zookeeper.scale_out.title": "Scale ZooKeeper from {before} to {after} servers",
    "zookeeper.remove.title": "Take ZooKeeper servers {servers} out; {after} stay",
    "zookeeper.restart.title": "Restart {count} ZooKeeper servers one by one, the leader last",
    "zookeeper.join.step": "start server {server} in an ensemble of {count}",
    "zookeeper.reconfigure.step": "tell server {server} of all {count} servers, and restart it",
    "zookeeper.restart.step": "restart server {server}",
    "zookeeper.leave.step": "stop server {server}",
    "zookeeper.replace.title": "Start ZooKeeper server {server} at {address} in the place of the dead one",
    "zookeeper.replace.step": "start server {server} at {address}",
    "zookeeper.tell.step": "tell servers {others} where server {server} is, one restart at a time, the leader last",
    "zookeeper.unreachable": "server {server} cannot be looked at: {problem}",
    "zookeeper.serves": "server {server} serves: there is nothing to replace; take it out with kappa zookeeper remove",
    "zookeeper.still_answers": (
        "the old server {server} still answers at {address}: two servers of one number may lose what was acknowledged;"
        " stop it, and keep it from starting again"
    ),
    "zookeeper.stay_away": (
        "the old server {server} ({address}) must never start again: disable its service or wipe its data directory"
        " before its machine comes back"
    ),
    "zookeeper.foreign_data": (
        "{path} on the machine of server {server} holds data, and its file does not say that they are of this"
        " ensemble; move them away"
    ),
    "zookeeper.replace_first": (
        "server {server} is dead, {serving} serve and {quorum} are needed: none of them can be restarted to be told"
        " another list. Bring it back first, on any machine: kappa zookeeper replace {server}"
    ),
    "zookeeper.read_later": (
        "servers {others} read their files of before at their next start: once all serve, kappa zookeeper restart"
    ),
    "zookeeper.progress": (
        "leader {leader}, followers {followers} of {wanted}; {serving} serve, quorum {quorum}, {lose} may be lost"
    ),
    "zookeeper.yield": "server {leader} leads, which is to go; servers {known} take over",
    "zookeeper.too_many": ("without servers {others} there is no quorum of {quorum}; take fewer servers out at a time"),
    "zookeeper.not_joined": (
        "server {server} does not follow after two minutes: {problems}. Nothing else was touched; mend it and resume"
        " the plan, or undo it. It logged: {log}"
    ),
    "zookeeper.gate": "without server {server} there are {rest} servers and {quorum} are needed",
    "zookeeper.other_list": "the file of server {server} has another list",
    "zookeeper.still_runs": "server {server} still runs",
}

KOREAN = {
    "zookeeper.none": "클러스터 {cluster}에 ZooKeeper 서버가 없습니다; 추가: kappa cluster add {cluster} --zookeeper HOST:PORT",
    "zookeeper.no_hosts": "clusters.toml의 클러스터 {cluster}에 zookeeper 역할의 호스트가 없습니다",
    "zookeeper.no_host": "clusters.toml에 zookeeper 역할의 node_id {server} 호스트가 없습니다",
    "zookeeper.no_file": "clusters.toml의 ZooKeeper 서버 {server} 호스트에 config_file이 없습니다",
    "zookeeper.no_address": 'clusters.toml의 ZooKeeper 서버 {server} 호스트에 server = "host:2888:3888"이 필요합니다',
    "zookeeper.member": "서버 {server}은(는) 이미 멤버입니다",
    "zookeeper.no_member": "서버 {server}은(는) 멤버가 아닙니다",
    "zookeeper.all": "남는 서버가 없습니다",
    "zookeeper.standalone": "파일에 서버 목록이 없습니다: 단독 서버는 서비스 중에 늘릴 수 없습니다",
    "zookeeper.differ": "서버 {server}의 파일에 적힌 서버 목록이 다릅니다: 끝나지 않은 변경이 있습니다; 이어서 실행하세요",
    "zookeeper.not_whole": "모든 서버가 리더를 따르지는 않습니다",
    "zookeeper.heal_first": "앙상블이 온전하지 않습니다. 먼저 고치세요: {problems}",
    "zookeeper.down": "서버 {server}({address})이(가) 서비스하지 않습니다: {problem}",
    "zookeeper.stopped": "서버 {server}이(가) 실행되고 있지 않습니다",
    "zookeeper.not_up": "서버 {server}이(가) 실행되지 않아 리더를 넘길 수 없습니다; 로그: {log}",
    "zookeeper.no_quorum": "서버 {voting}대 가운데 {serving}대가 서비스하고 {quorum}대가 필요합니다: 정족수가 없습니다",
    "zookeeper.no_leader": "리더가 없습니다: 선출이 진행 중입니다",
    "zookeeper.two_leaders": "서버 {servers}이(가) 동시에 리더입니다: 앙상블이 둘입니다",
    "zookeeper.followers": "리더를 따르는 서버가 {wanted}대가 아니라 {found}대입니다",
    "zookeeper.even": "서버 {voting}대는 {fewer}대보다 더 견디지 못합니다: 홀수로 하세요",
    "zookeeper.last": "{serving}대가 서비스하고 {quorum}대가 필요합니다: 하나만 더 잃으면 모두 멈춥니다",
    "zookeeper.arithmetic": "서버 {voting}대: 정족수 {quorum}, {lose}대까지 잃어도 됩니다",
    "zookeeper.connect": "브로커의 zookeeper.connect에도 새 목록을 적으세요: kappa brokers rollout",
    "zookeeper.scale_out.title": "ZooKeeper를 {before}대에서 {after}대로 늘리기",
    "zookeeper.remove.title": "ZooKeeper 서버 {servers} 빼기; {after}대가 남습니다",
    "zookeeper.restart.title": "ZooKeeper 서버 {count}대를 한 대씩, 리더는 마지막에 다시 시작",
    "zookeeper.join.step": "{count}대 앙상블에서 서버 {server}을(를) 시작합니다",
    "zookeeper.reconfigure.step": "서버 {server}에 서버 {count}대를 모두 알리고 다시 시작합니다",
    "zookeeper.restart.step": "서버 {server}을(를) 다시 시작합니다",
    "zookeeper.leave.step": "서버 {server}을(를) 멈춥니다",
    "zookeeper.replace.title": "죽은 서버 대신 ZooKeeper 서버 {server}을(를) {address}에서 시작",
    "zookeeper.replace.step": "서버 {server}을(를) {address}에서 시작합니다",
    "zookeeper.tell.step": "서버 {others}에 서버 {server}의 위치를 알립니다; 한 대씩 다시 시작하고 리더가 마지막",
    "zookeeper.unreachable": "서버 {server}을(를) 볼 수 없습니다: {problem}",
    "zookeeper.serves": "서버 {server}은(는) 서비스 중이라 바꿀 것이 없습니다; 빼려면 kappa zookeeper remove",
    "zookeeper.still_answers": (
        "이전 서버 {server}이(가) {address}에서 아직 응답합니다: 번호가 같은 서버가 둘이면 확인된 쓰기를 잃을 수 있습니다;"
        " 멈추고 다시 시작하지 않게 하세요"
    ),
    "zookeeper.stay_away": (
        "이전 서버 {server}({address})은(는) 다시 시작하면 안 됩니다: 그 기계가 돌아오기 전에 서비스를 끄거나 데이터"
        " 디렉터리를 지우세요"
    ),
    "zookeeper.foreign_data": (
        "서버 {server} 기계의 {path}에 데이터가 있는데 설정 파일에는 이 앙상블의 것이라는 말이 없습니다; 옮겨 놓으세요"
    ),
    "zookeeper.replace_first": (
        "서버 {server}이(가) 죽었고 {serving}대가 서비스하며 {quorum}대가 필요합니다: 새 목록을 알리려고 다시 시작할 수 있는"
        " 서버가 없습니다. 먼저 아무 기계에서나 되살리세요: kappa zookeeper replace {server}"
    ),
    "zookeeper.read_later": (
        "서버 {others}은(는) 다음 시작 때 이전 파일을 읽습니다: 모두 서비스하면 kappa zookeeper restart"
    ),
    "zookeeper.progress": (
        "리더 {leader}, 팔로워 {wanted}대 중 {followers}대; {serving}대 서비스, 정족수 {quorum}, {lose}대까지 잃어도 됨"
    ),
    "zookeeper.yield": "뺄 서버 {leader}이(가) 리더입니다; 서버 {known}이(가) 넘겨받습니다",
    "zookeeper.too_many": ("서버 {others} 없이는 정족수 {quorum}이 안 됩니다; 한 번에 더 적게 빼세요"),
    "zookeeper.not_joined": (
        "서버 {server}이(가) 2분이 지나도 따르지 않습니다: {problems}. 다른 것은 건드리지 않았습니다; 고친 뒤 이어서"
        " 실행하거나 되돌리세요. 로그: {log}"
    ),
    "zookeeper.gate": "서버 {server} 없이는 {rest}대이고 {quorum}대가 필요합니다",
    "zookeeper.other_list": "서버 {server}의 파일에 적힌 목록이 다릅니다",
    "zookeeper.still_runs": "서버 {server}이(가) 아직 실행 중입니다",
}

register(ENGLISH, KOREAN)
