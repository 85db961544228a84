//! Rows as Parquet: columns in row groups. The same rows give the same bytes: nothing of when or where they were written
//! is in the file.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::basic::LogicalType;
use parquet::basic::Repetition;
use parquet::basic::Type as Physical;
use parquet::data_type::BoolType;
use parquet::data_type::ByteArray;
use parquet::data_type::ByteArrayType;
use parquet::data_type::Int64Type;
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedColumnWriter;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type as Schema;
use parquet::schema::types::TypePtr;

use crate::export::cell::Cell;
use crate::export::cell::Type;
use crate::export::table::Described;
use crate::export::table::DescribedColumn;

/// Rows that are kept in memory until they are written together.
const ROWS_OF_A_GROUP: usize = 16_384;

/// Not the version of the library: another one must not change the bytes unseen.
const CREATED_BY: &str = "probity";

const TO_MEMORY: &str = "what is written to memory with levels that fit the schema does not fail";

/// Levels of definition of a list: it is there, and a text in it is.
const LIST_THERE: i16 = 1;
const TEXT_THERE: i16 = 2;

/// A table on its way into a file.
pub(super) struct Parquet {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Vec<Column>,
    rows: usize,
}

impl std::fmt::Debug for Parquet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parquet").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// The cells of a column that are not written yet.
struct Column {
    values: Values,
    /// How much of each value is there: 0, nothing.
    definitions: Vec<i16>,
    /// Of lists: 0 begins one, 1 goes on.
    repetitions: Vec<i16>,
}

enum Values {
    Texts(Vec<ByteArray>),
    Lists(Vec<ByteArray>),
    Wholes(Vec<i64>),
    Flags(Vec<bool>),
}

impl Parquet {
    pub(super) fn begin(table: &Described) -> Self {
        let fields = table.columns.iter().map(|column| Arc::new(schema(column))).collect::<Vec<TypePtr>>();
        let whole = Schema::group_type_builder(table.name).with_fields(fields).build().expect(TO_MEMORY);
        let properties =
            WriterProperties::builder().set_created_by(CREATED_BY.to_owned()).set_compression(Compression::SNAPPY);
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(whole), Arc::new(properties.build()));
        let columns = table.columns.iter().map(|column| Column::new(column.of)).collect();
        Self { writer: writer.expect(TO_MEMORY), columns, rows: 0 }
    }

    pub(super) fn row(&mut self, cells: &[Cell], out: &mut Vec<u8>) {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        self.rows += 1;
        if self.rows == ROWS_OF_A_GROUP {
            self.group(out);
        }
    }

    pub(super) fn end(mut self, out: &mut Vec<u8>) {
        if self.rows > 0 {
            self.group(out);
        }
        out.append(&mut self.writer.into_inner().expect(TO_MEMORY));
    }

    fn group(&mut self, out: &mut Vec<u8>) {
        self.write_group().expect(TO_MEMORY);
        self.rows = 0;
        // The writer knows by itself how far it is; what it wrote into is only passed on.
        out.append(self.writer.inner_mut());
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        let mut columns = self.columns.iter_mut();
        while let (Some(mut writer), Some(column)) = (group.next_column()?, columns.next()) {
            column.write(&mut writer)?;
            writer.close()?;
        }
        group.close()?;
        Ok(self.writer.flush()?)
    }
}

impl Column {
    const fn new(of: Type) -> Self {
        let values = match of {
            Type::Whole => Values::Wholes(Vec::new()),
            Type::Flag => Values::Flags(Vec::new()),
            Type::List => Values::Lists(Vec::new()),
            Type::Text | Type::Name | Type::Word | Type::Date | Type::Time | Type::Decimal => Values::Texts(Vec::new()),
        };
        Self { values, definitions: Vec::new(), repetitions: Vec::new() }
    }

    fn push(&mut self, cell: &Cell) {
        match (&mut self.values, cell) {
            (Values::Texts(texts), Cell::Text(text) | Cell::Decimal(text)) => texts.push(bytes(text)),
            // The same bits: the column says that it is unsigned.
            (Values::Wholes(wholes), Cell::Whole(whole)) => wholes.push(whole.cast_signed()),
            (Values::Flags(flags), Cell::Flag(flag)) => flags.push(*flag),
            (Values::Lists(texts), Cell::List(list)) if !list.is_empty() => {
                texts.extend(list.iter().map(|text| bytes(text)));
                self.definitions.extend(list.iter().map(|_| TEXT_THERE));
                self.repetitions.extend((0..list.len()).map(|place| i16::from(place > 0)));
                return;
            }
            (Values::Lists(_), cell) => {
                self.definitions.push(if matches!(cell, Cell::List(_)) { LIST_THERE } else { 0 });
                self.repetitions.push(0);
                return;
            }
            // Absent; a test holds that no other cell stands in a column of another type.
            (Values::Texts(_) | Values::Wholes(_) | Values::Flags(_), _) => {
                self.definitions.push(0);
                return;
            }
        }
        self.definitions.push(1);
    }

    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<()> {
        let definitions = Some(self.definitions.as_slice());
        match &mut self.values {
            Values::Texts(texts) => {
                writer.typed::<ByteArrayType>().write_batch(texts, definitions, None)?;
                texts.clear();
            }
            Values::Lists(texts) => {
                writer.typed::<ByteArrayType>().write_batch(texts, definitions, Some(&self.repetitions))?;
                texts.clear();
            }
            Values::Wholes(wholes) => {
                writer.typed::<Int64Type>().write_batch(wholes, definitions, None)?;
                wholes.clear();
            }
            Values::Flags(flags) => {
                writer.typed::<BoolType>().write_batch(flags, definitions, None)?;
                flags.clear();
            }
        }
        self.definitions.clear();
        self.repetitions.clear();
        Ok(())
    }
}

fn bytes(text: &str) -> ByteArray {
    ByteArray::from(text.as_bytes().to_vec())
}

fn schema(column: &DescribedColumn) -> Schema {
    let of = |name: &str, physical, logical, repetition| {
        let built = Schema::primitive_type_builder(name, physical).with_logical_type(logical);
        built.with_repetition(repetition).build().expect(TO_MEMORY)
    };
    let text = Some(LogicalType::String);
    match column.of {
        Type::Whole => of(column.name, Physical::INT64, Some(LogicalType::integer(64, false)), Repetition::OPTIONAL),
        Type::Flag => of(column.name, Physical::BOOLEAN, None, Repetition::OPTIONAL),
        Type::List => {
            let element = Arc::new(of("element", Physical::BYTE_ARRAY, text, Repetition::REQUIRED));
            let list = Schema::group_type_builder("list").with_repetition(Repetition::REPEATED);
            let list = Arc::new(list.with_fields(vec![element]).build().expect(TO_MEMORY));
            let whole = Schema::group_type_builder(column.name).with_repetition(Repetition::OPTIONAL);
            whole.with_logical_type(Some(LogicalType::List)).with_fields(vec![list]).build().expect(TO_MEMORY)
        }
        Type::Text | Type::Name | Type::Word | Type::Date | Type::Time | Type::Decimal => {
            of(column.name, Physical::BYTE_ARRAY, text, Repetition::OPTIONAL)
        }
    }
}
