"""What Prometheus scrapes."""

from __future__ import annotations

from diagnostics.gateway.contract import Phase
from diagnostics.gateway.web.metrics import Metrics
from diagnostics.model import Verdict


def test_two_sessions_never_share_a_label_and_no_number_is_in_one():
    metrics = Metrics()
    names = ["628123456789", "628999456789", "3f2a9c0d1e4b5a69788f0d1c2b3a4958", "shop"]
    metrics.came_back(names[1])
    said = metrics.scrape(
        ready=True, writable=True, sessions=[(name, Phase.ONLINE, Verdict.HEALTHY, 0) for name in names]
    ).decode()
    online = [line for line in said.splitlines() if 'phase="online"' in line]
    assert len(online) == len(names)
    assert all(line.endswith(" 1.0") for line in online)
    assert 'session="628•••••••89"' in said
    assert 'session="628•••••••89~2"' in said
    assert 'session="3f2a9c0d1e4b5a69788f0d1c2b3a4958"' in said
    assert not any(number in said for number in names[:2])
