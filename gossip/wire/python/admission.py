"""Who is admitted when: section Admission of the page, for networks whose times are whole days since 1970.

Day by day, as the section reads: what holds on a day depends on that day's vouches and on the days before. Deliberately
absent: changes of seeds, successions, and bounds on what a node keeps.
"""

from crypto import publisher
from genesis import genesis
from statements import ANY_NETWORK, DAY, holds, statement

QUARTER, PROBATION, MEMBER_BUDGET, MEMBER_LIVE, SEED_BUDGET = 91 * DAY, 10, 5, 20, 200


class Network:
    """A genesis file and statements."""

    def __init__(self, text, statements):
        found = genesis(text.encode())
        self.created = found["created"]
        self.seeds = {one["key"] for one in found["seeds"]}
        self.founders = self.seeds | {one["key"] for one in found["members"]}
        said = [statement(one) for one in statements]
        said = [one for one in said if one["network"] in (found["network"], ANY_NETWORK) and holds(one)]
        self.certificates = [one for one in said if one["type"] == 1]
        self.revoked = {}
        for one in (one for one in said if one["type"] == 4):
            target = one["signer"], one["target"]
            self.revoked[target] = min(one["since"], self.revoked.get(target, one["since"]))
        self.vouches = self.spent([one for one in said if one["type"] == 2], [one for one in said if one["type"] == 3])
        self.days = {}

    def since(self, time):
        """Times before the network began stand for its beginning."""
        return max(time, self.created)

    def spent(self, vouches, withdrawals):
        """The vouches within the budgets of their quarters, in order, with the time at which each ends."""
        ends = {}
        for one in withdrawals:
            name = one["signer"], one["subject"], one["serial"]
            ends[name] = min(self.since(one["time"]), ends.get(name, 2**64))
        within, told = [], {}
        for one in sorted(vouches, key=lambda one: (self.since(one["issued"]), one["id"])):
            issued = self.since(one["issued"])
            subjects = told.setdefault((one["signer"], issued // QUARTER), [])
            if one["subject"] not in subjects:
                subjects.append(one["subject"])
            budget = SEED_BUDGET if one["signer"] in self.seeds else MEMBER_BUDGET
            if one["subject"] in subjects[:budget]:
                end = min(one["expires"], ends.get((one["signer"], one["subject"], one["serial"]), 2**64))
                within.append({**one, "from": issued, "until": end})
        return within

    def is_revoked(self, org, time):
        """Whether an organisation revoked itself before."""
        return self.revoked.get((org, None), 2**64) <= time

    def proven(self, org, time):
        """Whether it is past its probation."""
        if org in self.founders:
            return True
        days = range(self.created // DAY, time // DAY)
        return sum(org in self.admitted(day * DAY) for day in days) >= PROBATION

    def counting(self, time):
        """The vouches that are live then, within the bound of a member, by somebody who was past his probation."""
        live, found = {}, []
        for one in self.vouches:
            if not one["from"] <= time < one["until"]:
                continue
            subjects = live.setdefault(one["signer"], [])
            if one["subject"] not in subjects:
                subjects.append(one["subject"])
            bounded = one["signer"] not in self.seeds and one["subject"] not in subjects[:MEMBER_LIVE]
            if not bounded and self.proven(one["signer"], one["from"]):
                found.append(one)
        return found

    def admitted(self, time):
        """Everybody who is admitted then."""
        if time not in self.days:
            inside = {org for org in self.founders if not self.is_revoked(org, time)}
            self.days[time] = inside
            vouches, grown = self.counting(time), True
            while grown:
                words = {}
                for one in vouches:
                    then = inside if one["from"] == time else self.admitted(one["from"])
                    if one["signer"] in inside & then and self.proven(one["signer"], time):
                        words.setdefault(one["subject"], set()).add(one["signer"])
                enough = {org for org, by in words.items() if len(by) >= 2 or by & self.seeds}
                fresh = {org for org in enough - inside if not self.is_revoked(org, time)}
                inside |= fresh
                grown = bool(fresh)
        return self.days[time]

    def standing(self, name, epoch, time):
        """What a publisher is at a signed time: S, M, N, or - for an outsider."""
        covers = [
            one
            for one in self.certificates
            if publisher(one["node"]) == name
            and one["not_before"] <= time < one["not_after"]
            and one["first_epoch"] <= epoch <= one["last_epoch"]
        ]
        if not covers:
            return "-"
        one = min(covers, key=lambda one: (one["not_before"], one["signer"]))
        org = one["signer"]
        if self.revoked.get((org, one["node"]), 2**64) <= time or org not in self.admitted(time):
            return "-"
        return "S" if org in self.seeds else "M" if self.proven(org, time) else "N"


def admission(case):
    """Standings of publishers in one epoch, a letter for each of the times."""
    network = Network(case["genesis"], [bytes.fromhex(one) for one in case["statements"]])
    epoch, times = case["epoch"], case["times"]
    return {
        name: "".join(network.standing(bytes.fromhex(name), epoch, time) for time in times) for name in case["says"]
    }  # fmt: skip
