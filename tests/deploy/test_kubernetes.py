"""What deploy/kubernetes promises: no request refused in a rollout, nothing more allowed than needed."""

import re

import kubernetes_validate
import pytest
import yaml
from dotenv import dotenv_values

from manifests import KUBERNETES, rendered
from orak.adapters.audio.limits import ConversionLimits
from orak.entrypoints.cli import main
from orak.entrypoints.settings.sources import LoadedSettings

OVERLAYS = ["overlays/example", "overlays/aws"]
UNITS = {"m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}

STOP_SECONDS = 15
"""What a process needs before SIGKILL after its drain, see docs/guides/operating.md."""

CONVERSION_FILES = 2**29
"""Bytes that the files of one conversion take with the default limits, see docs/guides/operating.md."""


@pytest.fixture(params=OVERLAYS)
def objects(request):
    return rendered(request.param)


def of_kind(objects, kind):
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def pods(objects):
    """Return the pods of all workloads by name, with their labels."""
    workloads = of_kind(objects, "Deployment") | of_kind(objects, "Job")
    assert set(workloads) == {"orak-api", "orak-worker", "orak-migration"}
    return {name: one["spec"]["template"] for name, one in workloads.items()}


def container(pod):
    [found] = pod["spec"]["containers"]
    return found


def amount(quantity):
    """Return a quantity as a number: cores or bytes."""
    number = quantity.rstrip("mKiMG")
    return float(number) * UNITS.get(quantity[len(number) :], 1)


def environment(objects, pod):
    """Return the environment variables that a pod's container gets."""
    [settings] = of_kind(objects, "ConfigMap").values()
    found, requests = container(pod), container(pod)["resources"]["requests"]
    names = [next(iter(source.values()))["name"] for source in found["envFrom"]]
    assert names == [settings["metadata"]["name"], "orak-secrets"]
    own = {one["name"]: one.get("value") or str(int(amount(requests["cpu"]))) for one in found.get("env", ())}
    secrets = dotenv_values(KUBERNETES / "overlays" / "example" / "secrets.env.example")
    return secrets | settings["data"] | own


def test_every_object_is_one_that_kubernetes_accepts(objects):
    for one in objects:
        if one["apiVersion"].startswith("keda.sh/"):  # tests/servers/test_keda.py
            continue
        kubernetes_validate.validate(one, "1.37", strict=True)


def test_the_settings_are_settings_of_orak(objects):
    for name, pod in pods(objects).items():
        settings = LoadedSettings.load(environment=environment(objects, pod)).settings
        assert settings.database_kind == "postgresql"
        assert settings.storage_kind == "s3"
        assert settings.log_format == "json"
        if name == "orak-worker":
            assert settings.batch_max_concurrent == amount(container(pod)["resources"]["requests"]["cpu"])


def test_each_container_runs_a_command_of_orak(objects):
    for pod in pods(objects).values():
        command = main
        for word in container(pod)["args"]:
            command = command.commands[word]


def test_pods_are_not_root_and_write_to_their_own_volumes_alone(objects):
    [account] = of_kind(objects, "ServiceAccount").values()
    assert account["automountServiceAccountToken"] is False
    for pod in pods(objects).values():
        spec, security = pod["spec"], container(pod)["securityContext"]
        assert spec["serviceAccountName"] == account["metadata"]["name"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert {one["mountPath"] for one in container(pod)["volumeMounts"]} == {"/data", "/tmp"}  # noqa: S108
        assert all(volume["emptyDir"]["sizeLimit"] for volume in spec["volumes"])
    [namespace] = of_kind(objects, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_pods_are_what_the_image_is_made_for(objects):
    dockerfile = (KUBERNETES.parent / "Dockerfile").read_text()
    [(user, group)] = re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)
    variables = dict(re.findall(r"^ +(ORAK_[A-Z_]+)=(\S+)", dockerfile, re.MULTILINE))
    assert variables["ORAK_DATA_DIR"] == "/data"
    for name, pod in pods(objects).items():
        security = pod["spec"]["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"]) == (int(user), int(group))
        if name == "orak-api":
            ports = {port["name"]: port["containerPort"] for port in container(pod)["ports"]}
            assert ports["http"] == int(variables["ORAK_PORT"])


def test_requests_and_limits_hold_what_the_conversions_of_a_pod_may_take(objects):
    for name, pod in pods(objects).items():
        resources, variables = container(pod)["resources"], environment(objects, pod)
        assert set(resources["requests"]) == {"cpu", "memory", "ephemeral-storage"}
        assert set(resources["limits"]) == {"memory", "ephemeral-storage"}
        conversions = {
            "orak-api": int(variables.get("IMMEDIATE_SLOTS", 0)),
            "orak-worker": int(variables.get("BATCH_MAX_CONCURRENT", 0)),
            "orak-migration": 0,
        }[name]
        assert amount(resources["limits"]["memory"]) >= (
            conversions * ConversionLimits().memory_bytes + 512 * 2**20
        )
        volumes = {one["name"]: amount(one["emptyDir"]["sizeLimit"]) for one in pod["spec"]["volumes"]}
        assert volumes["data"] >= conversions * CONVERSION_FILES
        assert amount(resources["limits"]["ephemeral-storage"]) >= sum(volumes.values())


def test_a_rollout_refuses_no_request(objects):
    for name, deployment in of_kind(objects, "Deployment").items():
        rolling = deployment["spec"]["strategy"]["rollingUpdate"]
        assert (rolling["maxUnavailable"], rolling["maxSurge"]) == (0, 1)
        pod = deployment["spec"]["template"]
        drain = int(environment(objects, pod)["DRAIN_SECONDS"])
        before = container(pod).get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert pod["spec"]["terminationGracePeriodSeconds"] >= before + drain + STOP_SECONDS
        if name == "orak-api":
            probe = container(pod)["readinessProbe"]
            noticed = (probe["failureThreshold"] + 1) * probe["periodSeconds"]
            assert before > 0
            assert drain >= noticed, "the pod closes before Kubernetes sees that it is not ready"


def test_probes_ask_the_right_question(objects):
    deployments = of_kind(objects, "Deployment")
    api = container(deployments["orak-api"]["spec"]["template"])
    worker = container(deployments["orak-worker"]["spec"]["template"])
    asked = {name: api[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert asked == {"startup": "/health/live", "liveness": "/health/live", "readiness": "/health/ready"}
    assert {worker[f"{name}Probe"]["httpGet"]["path"] for name in asked} == {"/metrics"}
    for found in (api, worker):
        ports = {port["name"] for port in found["ports"]}
        assert {found[f"{name}Probe"]["httpGet"]["port"] for name in asked} <= ports
        startup = found["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] >= 120


def test_prometheus_finds_the_metrics_of_every_pod(objects):
    for name, pod in pods(objects).items():
        if name == "orak-migration":
            continue
        port = environment(objects, pod)["METRICS_PORT"]
        notes = pod["metadata"]["annotations"]
        assert (notes["prometheus.io/scrape"], notes["prometheus.io/port"]) == ("true", port)
        assert {"name": "metrics", "containerPort": int(port)} in [
            {key: one[key] for key in ("name", "containerPort")} for one in container(pod)["ports"]
        ]


def documented():
    """Return the relabelings of the guide's PodMonitor and scrape configuration, with the same keys."""
    guide = (KUBERNETES.parents[1] / "docs" / "guides" / "kubernetes.md").read_text()
    monitor, scraped = (yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL))
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    [job] = scraped["scrape_configs"]
    camel = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    relabelings = [{camel.get(k, k): v for k, v in one.items()} for one in endpoint["relabelings"]]
    return [relabelings, job["relabel_configs"]]


def test_a_pod_has_the_job_that_the_alarms_know(objects):
    rules = yaml.safe_load((KUBERNETES.parent / "prometheus" / "rules.yml").read_text())
    [expression] = [
        rule["expr"]
        for group in rules["groups"]
        for rule in group["rules"]
        if rule.get("alert") == "process-down"
    ]
    component = "app.kubernetes.io/component"
    for relabelings in documented():
        [to_job] = [one for one in relabelings if one.get("target_label") == "job"]
        assert to_job["source_labels"] == ["__meta_kubernetes_pod_label_" + re.sub(r"\W", "_", component)]
        jobs = {
            to_job["replacement"].replace("$1", pod["metadata"]["labels"][component])
            for name, pod in pods(objects).items()
            if name != "orak-migration"
        }
        assert jobs == set(re.findall(r'absent\(up\{job="([^"]+)"', expression))


def test_the_api_grows_before_its_one_core_is_used_up(objects):
    [autoscaler] = of_kind(objects, "HorizontalPodAutoscaler").values()
    [metric] = autoscaler["spec"]["metrics"]
    requested = amount(container(pods(objects)["orak-api"])["resources"]["requests"]["cpu"])
    # `serve` without WEB_WORKERS runs requests on one core.
    target = metric["resource"]["target"]["averageUtilization"] / 100
    assert target * requested < 1


def test_the_api_grows_with_its_cpu_and_workers_with_the_queue(objects):
    [autoscaler] = of_kind(objects, "HorizontalPodAutoscaler").values()
    assert autoscaler["spec"]["scaleTargetRef"]["name"] == "orak-api"
    assert autoscaler["spec"]["minReplicas"] >= 2
    [scaled] = of_kind(objects, "ScaledObject").values()
    assert scaled["spec"]["scaleTargetRef"]["name"] == "orak-worker"
    assert scaled["spec"]["minReplicaCount"] >= 1
    [trigger] = scaled["spec"]["triggers"]
    # Every process reports the depth of the whole database.
    assert trigger["metadata"]["query"] == "max(batch_processing_queue_depth)"
    assert all("replicas" not in one["spec"] for one in of_kind(objects, "Deployment").values())


def matches(selector, labels):
    assert set(selector) <= {"matchLabels", "matchExpressions"}
    wanted = selector.get("matchLabels", {}).items()
    expressions = selector.get("matchExpressions", ())
    assert all(one["operator"] == "In" for one in expressions)
    return wanted <= labels.items() and all(labels.get(one["key"]) in one["values"] for one in expressions)


def test_selectors_find_the_pods_that_they_are_for(objects):
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(objects).items()}
    assert all(one["app.kubernetes.io/name"] == "orak" for one in labels.values())
    for kind in ("Deployment", "PodDisruptionBudget"):
        found = of_kind(objects, kind)
        assert set(found) == {"orak-api", "orak-worker"}
        for name, one in found.items():
            selected = {pod for pod in labels if matches(one["spec"]["selector"], labels[pod])}
            assert selected == {name}
    [service] = of_kind(objects, "Service").values()
    selector = {"matchLabels": service["spec"]["selector"]}
    assert {pod for pod in labels if matches(selector, labels[pod])} == {"orak-api"}
    for ingress in of_kind(objects, "Ingress").values():
        [rule] = ingress["spec"]["rules"]
        for path in rule["http"]["paths"]:
            backend = path["backend"]["service"]
            port = service["spec"]["ports"][0]["name"]
            assert (backend["name"], backend["port"]["name"]) == ("orak-api", port)


def test_the_ingress_keeps_operators_calls_to_their_networks(objects):
    ingresses = of_kind(objects, "Ingress")
    paths = {
        name: {path["path"] for path in one["spec"]["rules"][0]["http"]["paths"]}
        for name, one in ingresses.items()
    }
    assert paths == {"orak": {"/"}, "orak-operators": {"/batch", "/records/async/batch"}}
    notes = ingresses["orak-operators"]["metadata"]["annotations"]
    assert not notes["nginx.ingress.kubernetes.io/whitelist-source-range"].endswith("/0")
    for one in ingresses.values():
        assert one["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-request-buffering"] == "on"


def test_the_network_lets_in_requests_and_prometheus_and_nothing_else(objects):
    policies = of_kind(objects, "NetworkPolicy")
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(objects).items()}
    reached = {
        (policy, pod)
        for policy, one in policies.items()
        for pod in labels
        if matches(one["spec"]["podSelector"], labels[pod])
    }
    everything = {"orak-api", "orak-worker", "orak-migration"}
    assert {pod for policy, pod in reached if policy == "orak-nothing-in"} == everything
    assert {pod for policy, pod in reached if policy == "orak-requests-in"} == {"orak-api"}
    assert {pod for policy, pod in reached if policy == "orak-metrics-in"} == {"orak-api", "orak-worker"}
    closed = policies["orak-nothing-in"]["spec"]
    assert set(closed["policyTypes"]) == {"Ingress", "Egress"}
    assert not {"ingress", "egress"} & set(closed)
    names, others = policies["orak-out"]["spec"]["egress"]
    assert {port["port"] for port in names["ports"]} == {53}
    metadata_service = [block["ipBlock"]["except"] for block in others["to"]]
    assert metadata_service == [["169.254.0.0/16"], ["fd00:ec2::254/128"]]
    assert {5432, 6379, 443} <= {port["port"] for port in others["ports"]}


def test_pods_of_the_aws_overlay_have_a_role_and_no_key():
    objects = rendered("overlays/aws")
    [account] = of_kind(objects, "ServiceAccount").values()
    assert account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].startswith("arn:aws:iam::")
    [settings] = of_kind(objects, "ConfigMap").values()
    assert settings["data"]["S3_ENDPOINT_URL"] == ""  # AWS itself, and not the store of the example
    assert settings["data"]["CLOUDFRONT_DISTRIBUTION_ID"]
    assert not any("KEY" in name or "SECRET" in name for name in settings["data"])
