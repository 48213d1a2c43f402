"""The peer: presign, create, read and list with FastAPI, pydantic, an ORM session, PyJWT and botocore.

It lacks features, which makes it faster: no events, no conversion, no cursors, one language, no request ids.
"""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import aioboto3
import jwt
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import BigInteger, ForeignKey, Integer, String, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

BUCKET, LIFE = os.environ["S3_BUCKET_NAME"], 900
BIG = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """The tables."""


class Upload(Base):
    """One upload."""

    __tablename__ = "uploads"
    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    uuid: Mapped[str] = mapped_column(String(36), unique=True)
    original_filename: Mapped[str] = mapped_column(String(255))
    key: Mapped[str] = mapped_column(String(1024))
    uploader_id: Mapped[int] = mapped_column(BIG, index=True)
    file_size: Mapped[int] = mapped_column(BIG)
    content_type: Mapped[str] = mapped_column(String(100))
    status: Mapped[str] = mapped_column(String(20), index=True)
    created_at: Mapped[datetime]


class Record(Base):
    """One record."""

    __tablename__ = "records"
    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    user_id: Mapped[int] = mapped_column(BIG, index=True)
    upload_id: Mapped[int] = mapped_column(ForeignKey("uploads.id"), unique=True)
    title: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(index=True)
    upload: Mapped[Upload] = relationship()


class Model(BaseModel):
    """The base of all bodies, with camelCase names."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class NewUpload(Model):
    """A request for a presigned URL."""

    original_filename: str = Field(min_length=1, max_length=255, pattern=r"\.(webm|ogg|m4a|mp3|wav|flac)$")
    file_size: int = Field(gt=0, le=200 * 1024 * 1024)
    content_type: str = Field(min_length=1, max_length=100, pattern="^audio/")
    duration_seconds: int | None = None


class SignedUpload(Model):
    """The presigned URL of a new upload."""

    upload_id: int
    presigned_url: str
    s3_key: str
    expiration_time: datetime


class NewRecord(Model):
    """A request to create a record."""

    title: str = Field(min_length=1, max_length=255)
    upload_id: int


class RecordView(Model):
    """A record in an answer."""

    id: int
    title: str
    user_id: int
    upload_id: int
    processing_status: str
    s3_key: str
    created_at: datetime


URL = os.environ["DATABASE_URL"]
# Writers of SQLite wait for each other; the usual 5 s end in errors on a busy machine.
engine = create_async_engine(URL, connect_args={"timeout": 60} if URL.startswith("sqlite") else {})
sessions = async_sessionmaker(engine, expire_on_commit=False)
stack = AsyncExitStack()
s3: Any = None


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Create the tables and one S3 client."""
    global s3  # noqa: PLW0603 - the usual tutorial style
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    s3 = await stack.enter_async_context(
        aioboto3.Session().client("s3", endpoint_url=os.environ["S3_ENDPOINT_URL"])
    )
    yield
    await stack.aclose()


async def session() -> AsyncIterator[AsyncSession]:
    """Provide one session per request."""
    async with sessions() as opened:
        yield opened


def user(authorization: Annotated[str, Header()]) -> int:
    """Return the caller's user id."""
    try:
        claims = jwt.decode(authorization.removeprefix("Bearer "), os.environ["JWT_SECRET"], ["HS256"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error
    return int(claims["sub"])


Session, User = Annotated[AsyncSession, Depends(session)], Annotated[int, Depends(user)]
app = FastAPI(lifespan=lifespan)


@app.post("/records/async/presigned-url")
async def presign(new: NewUpload, db: Session, user_id: User) -> SignedUpload:
    """Create an upload and sign its URL."""
    name = uuid.uuid4()
    upload = Upload(
        uuid=str(name),
        original_filename=new.original_filename,
        key=f"recordings/{name}_{new.original_filename}",
        uploader_id=user_id,
        file_size=new.file_size,
        content_type=new.content_type,
        status="PENDING",
        created_at=datetime.now(UTC).replace(tzinfo=None),
    )
    db.add(upload)
    await db.commit()
    url = await s3.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": BUCKET,
            "Key": upload.key,
            "ContentType": upload.content_type,
            "ContentLength": upload.file_size,
        },
        ExpiresIn=LIFE,
    )
    expires = datetime.now(UTC) + timedelta(seconds=LIFE)
    return SignedUpload(upload_id=upload.id, presigned_url=url, s3_key=upload.key, expiration_time=expires)


@app.post("/records/async")
async def create(new: NewRecord, db: Session, user_id: User) -> RecordView:
    """Create a record for an upload."""
    upload = await db.get(Upload, new.upload_id)
    if upload is None:
        raise HTTPException(404)
    if upload.uploader_id != user_id:
        raise HTTPException(403)
    head = await s3.head_object(Bucket=BUCKET, Key=upload.key)
    if head["ContentLength"] != upload.file_size:
        raise HTTPException(409)
    upload.status = "UPLOADED"
    at = datetime.now(UTC).replace(tzinfo=None)
    record = Record(user_id=user_id, upload_id=upload.id, title=new.title, created_at=at, upload=upload)
    db.add(record)
    await db.commit()
    return _view(record)


@app.get("/records/async/me")
async def list_own(db: Session, user_id: User, limit: int = 50) -> list[RecordView]:
    """List the caller's records."""
    query = (
        select(Record)
        .where(Record.user_id == user_id)
        .order_by(Record.created_at.desc(), Record.id.desc())
        .limit(limit)
        .options(joinedload(Record.upload))
    )
    return [_view(record) for record in (await db.scalars(query)).all()]


@app.get("/records/async/{record_id}")
async def get(record_id: int, db: Session, user_id: User) -> RecordView:
    """Return one record."""
    record = await db.get(Record, record_id, options=[joinedload(Record.upload)])
    if record is None:
        raise HTTPException(404)
    if record.user_id != user_id:
        raise HTTPException(403)
    return _view(record)


def _view(record: Record) -> RecordView:
    return RecordView(
        id=record.id,
        title=record.title,
        user_id=record.user_id,
        upload_id=record.upload_id,
        processing_status="PROCESSING",
        s3_key=record.upload.key,
        created_at=record.created_at,
    )
