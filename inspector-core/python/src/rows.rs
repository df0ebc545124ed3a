//! Rows as Arrow's columns, for whatever reads its C stream interface (`__arrow_c_stream__`): polars, pyarrow, duckdb, pandas.
//!
//! Rows are the contract's objects. A [`Column`] takes one member of each; what has members of its own and no fixed form
//! (claims, evidence, steps) is a text of JSON.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, RecordBatch, RecordBatchIterator,
    builder::{BooleanBuilder, ListBuilder, StringBuilder, TimestampNanosecondBuilder, UInt64Builder},
    ffi_stream::FFI_ArrowArrayStream,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use inspector_core::{report::Report, report::v1, time::Timestamp};
use pyo3::{
    exceptions::{PyRuntimeError, PyValueError},
    prelude::*,
    types::PyCapsule,
};
use serde_json::Value;

/// Rows of a batch.
pub(crate) const BATCH: usize = 1024;

/// What a column holds. All may be null.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text,
    Number,
    Truth,
    /// Nanoseconds since 1970, UTC.
    Time,
    Texts,
    /// Any member, as JSON.
    Json,
}

/// A column: the name of the member, and what it is.
pub(crate) type Column = (&'static str, Kind);

/// Columns of exchanges.
pub(crate) const EXCHANGES: &[Column] = &[
    ("input", Kind::Text),
    ("exchange", Kind::Number),
    ("connection", Kind::Number),
    ("entry", Kind::Number),
    ("request_frame", Kind::Number),
    ("response_frame", Kind::Number),
    ("time", Kind::Time),
    ("client", Kind::Text),
    ("server", Kind::Text),
    ("protocol", Kind::Text),
    ("stream", Kind::Number),
    ("tls", Kind::Text),
    ("suite", Kind::Text),
    ("sni", Kind::Text),
    ("method", Kind::Text),
    ("target", Kind::Text),
    ("url", Kind::Text),
    ("status", Kind::Number),
    ("request_headers", Kind::Json),
    ("response_headers", Kind::Json),
    ("request_body_bytes", Kind::Number),
    ("response_body_bytes", Kind::Number),
    ("notes", Kind::Texts),
];

/// Columns of tokens.
pub(crate) const TOKENS: &[Column] = &[
    ("input", Kind::Text),
    ("id", Kind::Text),
    ("kind", Kind::Text),
    ("count", Kind::Number),
    ("issuer", Kind::Text),
    ("audience", Kind::Text),
    ("not_before", Kind::Time),
    ("expires", Kind::Time),
    ("signature", Kind::Text),
    ("signature_reason", Kind::Text),
    ("places", Kind::Texts),
    ("first", Kind::Json),
    ("lineage", Kind::Json),
    ("header", Kind::Json),
    ("claims", Kind::Json),
    ("actor", Kind::Json),
    ("principal", Kind::Json),
];

/// Columns of findings.
pub(crate) const FINDINGS: &[Column] = &[
    ("rule", Kind::Text),
    ("name", Kind::Text),
    ("severity", Kind::Text),
    ("blocks", Kind::Truth),
    ("in_scope", Kind::Truth),
    ("host", Kind::Text),
    ("title", Kind::Text),
    ("detail", Kind::Text),
    ("count", Kind::Number),
    ("evidence", Kind::Json),
    ("remedy", Kind::Text),
    ("reference", Kind::Text),
];

/// Columns of handshakes.
pub(crate) const HANDSHAKES: &[Column] = &[
    ("client", Kind::Text),
    ("resource", Kind::Text),
    ("caller", Kind::Text),
    ("caller_name", Kind::Text),
    ("expected", Kind::Truth),
    ("in_scope", Kind::Truth),
    ("audience", Kind::Text),
    ("token", Kind::Text),
    ("token_kind", Kind::Text),
    ("calls", Kind::Number),
    ("accepted", Kind::Number),
    ("refused", Kind::Number),
    ("outcome", Kind::Text),
    ("status", Kind::Number),
    ("first", Kind::Time),
    ("last", Kind::Time),
    ("flow", Kind::Text),
    ("grants", Kind::Texts),
    ("inputs", Kind::Texts),
    ("server_reason", Kind::Json),
    ("steps", Kind::Json),
];

impl Kind {
    fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::Json => DataType::Utf8,
            Self::Number => DataType::UInt64,
            Self::Truth => DataType::Boolean,
            Self::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Self::Texts => DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))),
        }
    }

    fn array<'v>(self, values: impl Iterator<Item = &'v Value>) -> ArrayRef {
        match self {
            Self::Text => {
                let mut builder = StringBuilder::new();
                values.for_each(|value| builder.append_option(value.as_str()));
                Arc::new(builder.finish())
            }
            Self::Json => {
                let mut builder = StringBuilder::new();
                values.for_each(|value| builder.append_option((!value.is_null()).then(|| value.to_string())));
                Arc::new(builder.finish())
            }
            Self::Number => {
                let mut builder = UInt64Builder::new();
                values.for_each(|value| builder.append_option(value.as_u64()));
                Arc::new(builder.finish())
            }
            Self::Truth => {
                let mut builder = BooleanBuilder::new();
                values.for_each(|value| builder.append_option(value.as_bool()));
                Arc::new(builder.finish())
            }
            Self::Time => {
                let mut builder = TimestampNanosecondBuilder::new().with_timezone("UTC");
                let nanos = |value: &Value| value.as_str().and_then(Timestamp::parse_rfc3339).map(Timestamp::nanos);
                values.for_each(|value| builder.append_option(nanos(value)));
                Arc::new(builder.finish())
            }
            Self::Texts => {
                let mut builder = ListBuilder::new(StringBuilder::new());
                for value in values {
                    let texts = value.as_array();
                    texts.into_iter().flatten().for_each(|text| builder.values().append_option(text.as_str()));
                    builder.append(texts.is_some());
                }
                Arc::new(builder.finish())
            }
        }
    }
}

/// The schema of these columns.
pub(crate) fn schema(columns: &[Column]) -> SchemaRef {
    let field = |(name, kind): &Column| Field::new(*name, kind.data_type(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<Field>>()))
}

/// A batch of these rows.
pub(crate) fn batch(columns: &[Column], rows: &[Value]) -> Result<RecordBatch, ArrowError> {
    let array = |(name, kind): &Column| kind.array(rows.iter().map(|row| row.get(*name).unwrap_or(&Value::Null)));
    RecordBatch::try_new(schema(columns), columns.iter().map(array).collect())
}

/// The capsule of the C stream interface.
pub(crate) fn capsule<'py>(
    py: Python<'py>,
    columns: &'static [Column],
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>> + Send + 'static,
) -> PyResult<Bound<'py, PyCapsule>> {
    let reader = RecordBatchIterator::new(batches, schema(columns));
    PyCapsule::new_with_value(py, FFI_ArrowArrayStream::new(Box::new(reader)), c"arrow_array_stream")
}

/// Rows in memory.
#[pyclass(frozen, module = "inspector")]
pub(crate) struct Table {
    columns: &'static [Column],
    rows: Arc<[Value]>,
}

impl Table {
    pub(crate) fn new(columns: &'static [Column], rows: Vec<Value>) -> Self {
        Self { columns, rows: rows.into() }
    }

    pub(crate) fn rows(&self) -> &[Value] {
        &self.rows
    }

    /// A table of what a report has by that name.
    pub(crate) fn of_report(report: &Report, name: &str) -> PyResult<Self> {
        let document = v1::Report::streamed(report);
        let (columns, rows) = match name {
            "findings" => (FINDINGS, serde_json::to_value(&document.findings)),
            "handshakes" => (HANDSHAKES, serde_json::to_value(&document.handshakes)),
            "tokens" => (TOKENS, serde_json::to_value(document.tokens)),
            _ => {
                let known = "findings, handshakes, tokens";
                return Err(PyValueError::new_err(format!("there is no table '{name}', but {known}")));
            }
        };
        match rows {
            Ok(Value::Array(rows)) => Ok(Self::new(columns, rows)),
            Ok(_) => Ok(Self::new(columns, Vec::new())),
            Err(error) => Err(PyRuntimeError::new_err(error.to_string())),
        }
    }
}

impl Table {
    /// The rows as a stream of Arrow's C interface.
    pub(crate) fn stream<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The interface allows to ignore it.
        drop(requested_schema);
        let (columns, rows, mut from) = (self.columns, Arc::clone(&self.rows), 0);
        let batches = std::iter::from_fn(move || {
            let rows = rows.get(from..rows.len().min(from + BATCH)).filter(|rows| !rows.is_empty())?;
            from += rows.len();
            Some(batch(columns, rows))
        });
        capsule(py, columns, batches)
    }
}

#[pymethods]
impl Table {
    fn __len__(&self) -> usize {
        self.rows.len()
    }

    /// The rows as a stream of Arrow's C interface.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        self.stream(py, requested_schema)
    }
}
