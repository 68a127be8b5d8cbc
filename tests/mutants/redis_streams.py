"""What keeps messages between Redis streams, and the test that notices when it is gone."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

REDIS = "connectors/aura_connectors/redis_streams"
INTEGRATION = "tests/integration/test_redis_"
FENCE = "if redis.call('GET', KEYS[2]) ~= ARGV[1] then"

REDIS_MUTANTS = (
    Mutant(
        "publishing and settling in one step checks the lease's fencing number",
        f"{REDIS}/lua/publish_and_settle.lua",
        FENCE,
        "if false then",
        f"{INTEGRATION}exactly_once.py",
    ),
    Mutant(
        "only what is still pending is published",
        f"{REDIS}/lua/publish_and_settle.lua",
        "  if pending[id] or #pending_between(id, id, 1) > 0 then\n",
        "  if true then\n",
        f"{INTEGRATION}exactly_once.py",
    ),
    Mutant(
        "where appending fails, what was not appended is not settled",
        f"{REDIS}/lua/publish_and_settle.lua",
        "    if added.err then\n      failure = added\n      break\n    end\n",
        "    if added.err then\n      failure = added\n    end\n",
        f"{INTEGRATION}exactly_once.py",
    ),
    Mutant(
        "the right to settle is looked at before anything is published",
        f"{REDIS}/lua/publish_and_settle.lua",
        "if not redis.acl_check_cmd('XACK', KEYS[1], ARGV[2], '0-1')",
        "if not redis.acl_check_cmd('XPENDING', KEYS[1], ARGV[2], '0-1')",
        f"{INTEGRATION}exactly_once.py",
    ),
    Mutant(
        "a full server refuses a script as a whole",
        f"{REDIS}/lua/publish_and_settle.lua",
        "#!lua\n",
        "redis.call('XACK', KEYS[1], ARGV[2], '0-1')\n",
        f"{INTEGRATION}exactly_once.py",
    ),
    Mutant(
        "our own position never stands behind a dead letter that is not written",
        f"{REDIS}/exactly_once.py",
        "    pieces = sorted(pieces, key=lambda piece: _order(piece.positions[0]))\n"
        "    ends = [(_order(piece.positions[0]), _order(piece.positions[-1])) for piece in pieces]\n",
        "    ends: list[tuple[tuple[int, int], tuple[int, int]]] = []\n",
        f"{INTEGRATION}exactly_once.py::test_our_own_position_never_stands_behind_a_dead_letter_that_is_not_written",
    ),
    Mutant(
        "handing out again checks the lease's fencing number",
        f"{REDIS}/lua/claim.lua",
        FENCE,
        "if false then",
        f"{INTEGRATION}fences.py",
    ),
    Mutant(
        "a consumer that lives is left what it has",
        f"{REDIS}/lua/take_over_from.lua",
        "if not ours and redis.call('GET', KEYS[3]) then",
        "if false then",
        f"{INTEGRATION}shared.py",
    ),
    Mutant(
        "a message that may kill its process goes alone",
        f"{REDIS}/backlog.py",
        "    return times > 1 and portion(times, most) == 1\n",
        "    return False\n",
        f"{INTEGRATION}attempts.py::test_what_may_kill_waits_until_all_else_is_settled_and_nothing_goes_beside_it",
    ),
    Mutant(
        "what comes again comes in smaller portions",
        f"{REDIS}/backlog.py",
        "    return max(1, most >> SHRINK * (times - 1))\n",
        "    return most\n",
        f"{INTEGRATION}attempts.py",
    ),
    Mutant(
        "taking over counts nothing",
        f"{REDIS}/lua/take_over.lua",
        "'COUNT', ARGV[5], 'JUSTID')\nlocal ids, found = page[2], {}\n",
        "'COUNT', ARGV[5])\nlocal ids, found = {}, {}\nfor row, entry in ipairs(page[2]) do\n  ids[row] = entry[1]\nend\n",
        f"{INTEGRATION}attempts.py",
    ),
    Mutant(
        "an orderly stop takes the count back",
        f"{REDIS}/reader.py",
        "        for entry_id, times in self._counted().items() if self.lease.held else ():\n",
        "        for entry_id, times in ():\n",
        f"{INTEGRATION}attempts.py",
    ),
    Mutant(
        "a process that lives on does not count what it handed out itself",
        f"{REDIS}/backlog.py",
        "        ours = self._known.get(entry) == before or self._unseen\n",
        "        ours = False\n",
        f"{INTEGRATION}attempts.py",
    ),
    Mutant(
        "workers that share a stream make a lost group again where all was settled by all",
        f"{REDIS}/reader.py",
        "        if not self.member.shares and (self._settled",
        "        if (self._settled",
        f"{INTEGRATION}shared.py::test_a_group_that_is_destroyed_begins_where_everything_before_was_settled",
    ),
    Mutant(
        "a task that is told to end does, whatever the client library swallows",
        f"{REDIS}/client.py",
        "        if task is not None and task.cancelling() > before:\n",
        "        if False:\n",
        "tests/unit/connectors/test_redis_client.py",
    ),
)
