"""What a collector shows, as a dictionary."""

from prometheus_client.parser import text_string_to_metric_families


def measured(collector):
    """Return each sample of a collector, by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in collector.collect()
        for sample in family.samples
    }


def parsed(text):
    """Return each sample of a text in the format of Prometheus, by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
