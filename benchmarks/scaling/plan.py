"""Deployments, and what the busiest minute asks of each part of them."""

import random
from dataclasses import dataclass, field, replace

from benchmarks.scaling.costs import Costs, Limits, Prices, StoreCalls, Use
from benchmarks.scaling.fleet import Delays, Fleet, run
from benchmarks.scaling.traffic import BUSIEST_HOUR, BUSIEST_MINUTE, Take, Takes, arrivals, share_of_minute

EVENING = (16, 24)
"""The hours that are simulated; before, nothing waits."""
_SEED = 20_240_101
_WAKE_UP = 0.003
_PATIENCE = 30.0
"""Seconds of mean delay in the busiest hour that a deployment may have at most."""
_GIGABYTE = 1e9
_DAY_HOURS = 24


@dataclass(frozen=True)
class Deployment:
    """Machines of one size, each with `serve` and conversions; and the cores of the database."""

    name: str
    machines: int
    cores: int
    """Of each machine; one is left for the API and the system."""
    database_cores: int
    """0: the database is on the machine, and shares its core with the API."""

    @property
    def fleet(self) -> Fleet:
        """Return the conversions at once: half of the cores for create calls, the others for what waits."""
        slots = (self.cores - 1) // 2
        return Fleet(self.machines, slots, self.cores - 1 - slots)

    @property
    def all_cores(self) -> int:
        """Return the cores that are paid for, one for Redis included if there are several machines."""
        return self.machines * self.cores + self.database_cores + (self.machines > 1)


@dataclass(frozen=True)
class Figures:
    """One line of the table."""

    name: str
    machines: int
    cores: int
    database_cores: int
    takes: int
    """A day."""
    busiest: float
    """Takes a second in the busiest minute."""
    api: float
    """Share of its capacity that the busiest minute takes, as all of these."""
    conversion: float
    database: float
    store: float
    redis: float
    immediate: float
    """Share of the takes that started in their create call."""
    median: float
    """Delay in the busiest hour, in seconds."""
    p95: float
    mean: float
    machine_cost: float
    """Dollars a take, as all of these."""
    machine_cost_if_cores_follow: float
    """The same if machines for conversions run only while they are needed."""
    request_cost: float
    storage_cost: float

    @property
    def parts(self) -> dict[str, float]:
        """Return the share that is in use of each part."""
        return {
            "conversion cores": self.conversion,
            "API CPU": self.api,
            "PostgreSQL": self.database,
            "S3 requests": self.store,
            "Redis": self.redis,
        }

    @property
    def first(self) -> str:
        """Return the part that saturates first."""
        return max(self.parts, key=lambda part: self.parts[part])

    @property
    def cost(self) -> float:
        """Return the dollars of one take."""
        return self.machine_cost + self.request_cost + self.storage_cost


@dataclass(frozen=True)
class World:
    """Everything but the deployment."""

    costs: Costs
    takes: Takes = field(default_factory=Takes)
    use: Use = field(default_factory=Use)
    calls: StoreCalls = field(default_factory=StoreCalls)
    prices: Prices = field(default_factory=Prices)
    limits: Limits = field(default_factory=Limits)

    @property
    def api_cpu(self) -> float:
        """Return the CPU seconds of the API for one take."""
        costs, use = self.costs, self.use
        return costs.presign + costs.create + use.gets * costs.get + use.lists * costs.list

    @property
    def database_cpu(self) -> float:
        """Return the CPU seconds of PostgreSQL for one take."""
        costs, use = self.costs, self.use
        return costs.database + use.gets * costs.database_get + use.lists * costs.database_list

    def figures(self, deployment: Deployment, takes_a_day: int) -> Figures:
        """Simulate an evening of *takes_a_day* on *deployment*."""
        delays = self.delays(deployment, takes_a_day)
        busiest = takes_a_day * share_of_minute(BUSIEST_MINUTE) / 60
        length = self.takes.mean()
        own_core = self.api_cpu + (0 if deployment.database_cores else self.database_cpu)
        conversion = self.costs.conversion(length)
        stored = 2 * length * self.use.bytes_per_second / _GIGABYTE
        prices = self.prices
        fixed = deployment.database_cores + (deployment.machines > 1)
        hours = _DAY_HOURS * prices.core_hour
        used = (conversion + self.api_cpu) * takes_a_day / 86_400 * deployment.cores / (deployment.cores - 1)
        return Figures(
            name=deployment.name,
            machines=deployment.machines,
            cores=deployment.cores,
            database_cores=deployment.database_cores,
            takes=takes_a_day,
            busiest=busiest,
            api=busiest * own_core / deployment.machines,
            conversion=busiest * conversion / deployment.fleet.at_once,
            database=busiest * self.database_cpu / (deployment.database_cores or 1),
            store=busiest
            * max(
                self.calls.writes / self.limits.store_writes,
                self.calls.reads / self.limits.store_reads,
            ),
            redis=busiest * self.costs.redis / self.limits.redis_cores if deployment.machines > 1 else 0.0,
            immediate=delays.immediate / max(1, len(delays)),
            median=delays.percentile(0.5),
            p95=delays.percentile(0.95),
            mean=delays.mean,
            machine_cost=deployment.all_cores * hours / takes_a_day,
            machine_cost_if_cores_follow=(used + fixed) * hours / takes_a_day,
            request_cost=(
                self.calls.writes * prices.thousand_writes + self.calls.reads * prices.thousand_reads
            )
            / 1000,
            storage_cost=stored * prices.gigabyte_month * prices.months_kept,
        )

    def delays(self, deployment: Deployment, takes_a_day: int) -> Delays:
        """Return the delays of the takes that arrive in the busiest hour of the evening."""
        chance = random.Random(_SEED)
        busy = range(BUSIEST_HOUR * 60, BUSIEST_HOUR * 60 + 3600)
        found = Delays()

        def noted(at: float, delay: float | None) -> None:
            if busy.start <= at < busy.stop:
                found.add(delay)

        run(
            arrivals(takes_a_day, self.takes, chance, hours=EVENING),
            deployment.fleet,
            self.costs.conversion,
            chance,
            wake_up=_WAKE_UP,
            noted=noted,
        )
        return found

    def most_takes(self, deployment: Deployment) -> int:
        """Return the most takes a day, in steps of 2 %, that keep the mean delay in bounds."""
        step = self._takes_at_full_load(deployment) / 50
        few, many = 25, 75
        while many - few > 1:
            middle = (few + many) // 2
            if self.delays(deployment, round(step * middle)).mean <= _PATIENCE:
                few = middle
            else:
                many = middle
        return round(step * few)

    def fewest_machines(self, deployment: Deployment, takes_a_day: int) -> Deployment:
        """Return *deployment* with as few machines, in steps of 2 %, as keep the mean delay in bounds."""
        enough = takes_a_day / self._takes_at_full_load(replace(deployment, machines=1))
        share = 0.94
        while True:
            tried = replace(deployment, machines=round(enough * share))
            if self.delays(tried, takes_a_day).mean <= _PATIENCE:
                return tried
            share += 0.02

    def _takes_at_full_load(self, deployment: Deployment) -> float:
        """Return the takes a day whose busiest minute needs all conversions."""
        conversion = self.costs.conversion(self.takes.mean())
        return deployment.fleet.at_once / conversion * 60 / share_of_minute(BUSIEST_MINUTE)

    def takes_for_database(self, cores: int, share: float) -> float:
        """Return the takes a day whose busiest minute takes *share* of a database with *cores*."""
        return share * cores / self.database_cpu * 60 / share_of_minute(BUSIEST_MINUTE)


ONE_MACHINE = Deployment("one machine", 1, 8, 0)
TEN_MACHINES = Deployment("ten machines", 10, 8, 4)
TEN_MILLION = Deployment("10 million takes a day", 1, 32, 16)


def measured_setup(takes: list[Take], slots: int, workers: int, costs: Costs) -> Delays:
    """Simulate *takes* on one machine whose conversions have a core each; return all delays."""
    found = Delays()
    run(
        takes,
        Fleet(1, slots, workers),
        costs.conversion,
        random.Random(_SEED),
        wake_up=_WAKE_UP,
        noted=lambda _at, delay: found.add(delay),
    )
    return found
