"""Everything orak can do, on one page."""

from dataclasses import dataclass

from orak.application.await_record import AwaitRecord
from orak.application.events.check_event_log import CheckEventLog
from orak.application.events.follow_events import FollowEvents
from orak.application.events.issue_ticket import IssueTicket
from orak.application.events.prune_events import PruneEvents
from orak.application.events.redeem_ticket import RedeemTicket
from orak.application.events.relay_events import RelayEvents
from orak.application.events.watch_records import WatchRecords
from orak.application.operators.get_statistics import GetStatistics
from orak.application.operators.list_failures import ListFailures
from orak.application.operators.list_orphans import ListOrphans
from orak.application.operators.retry_failure import RetryFailure
from orak.application.operators.set_batch_size import SetBatchSize
from orak.application.operators.trigger_batch import TriggerBatch
from orak.application.processing.process_upload import ProcessUpload
from orak.application.processing.sweep import Sweep
from orak.application.processing.sweep_objects import SweepObjects
from orak.application.records.change_record import ChangeRecord
from orak.application.records.create_record import CreateRecord
from orak.application.records.delete_record import DeleteRecord
from orak.application.records.get_record import GetRecord
from orak.application.records.list_records import ListRecords
from orak.application.records.retry_record import RetryRecord
from orak.application.songs.import_songs import ImportSongs
from orak.application.uploads.cancel_upload import CancelUpload
from orak.application.uploads.get_upload import GetUpload
from orak.application.uploads.receive_upload import ReceiveUpload
from orak.application.uploads.request_upload import RequestUpload
from orak.application.uploads.store_upload import StoreUpload
from orak.application.users.register_user import RegisterUser
from orak.application.webhooks.add_webhook import AddWebhook
from orak.application.webhooks.change_webhook import ChangeWebhook
from orak.application.webhooks.deliver_webhooks import DeliverWebhooks
from orak.application.webhooks.get_webhook import GetWebhook
from orak.application.webhooks.list_webhook_deliveries import ListWebhookDeliveries
from orak.application.webhooks.list_webhooks import ListWebhooks
from orak.application.webhooks.remove_webhook import RemoveWebhook
from orak.application.webhooks.replay_webhook_delivery import ReplayWebhookDelivery
from orak.application.webhooks.replay_webhook_events import ReplayWebhookEvents
from orak.application.webhooks.rotate_webhook_secret import RotateWebhookSecret


@dataclass(frozen=True, slots=True)
class UseCases:
    """The use cases, wired; each is called like a function."""

    # Singers
    request_upload: RequestUpload
    store_upload: StoreUpload
    get_upload: GetUpload
    cancel_upload: CancelUpload
    create_record: CreateRecord
    get_record: GetRecord
    await_record: AwaitRecord
    list_records: ListRecords
    change_record: ChangeRecord
    retry_record: RetryRecord
    delete_record: DeleteRecord
    watch_records: WatchRecords
    issue_ticket: IssueTicket
    redeem_ticket: RedeemTicket
    # The world around orak
    register_user: RegisterUser
    receive_upload: ReceiveUpload
    import_songs: ImportSongs
    # Operators
    set_batch_size: SetBatchSize
    trigger_batch: TriggerBatch
    get_statistics: GetStatistics
    list_orphans: ListOrphans
    list_failures: ListFailures
    retry_failure: RetryFailure
    check_event_log: CheckEventLog
    list_endpoints: ListWebhooks
    get_endpoint: GetWebhook
    add_endpoint: AddWebhook
    change_endpoint: ChangeWebhook
    rotate_secret: RotateWebhookSecret
    remove_endpoint: RemoveWebhook
    list_deliveries: ListWebhookDeliveries
    replay_delivery: ReplayWebhookDelivery
    replay_events: ReplayWebhookEvents
    # Workers
    process_upload: ProcessUpload
    sweep: Sweep
    sweep_objects: SweepObjects
    relay_events: RelayEvents
    follow_events: FollowEvents
    prune_events: PruneEvents
    deliver_webhooks: DeliverWebhooks
