//! The protos as these tests read them: compiled, with planted changes where a test wants them, and their options.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use prost_reflect::DescriptorPool;
use prost_reflect::DynamicMessage;
use prost_reflect::FieldDescriptor;
use prost_reflect::MessageDescriptor;
use prost_reflect::Value;
use protox::Compiler;
use protox::file::ChainFileResolver;
use protox::file::File;
use protox::file::FileResolver;
use protox::file::GoogleFileResolver;

pub(crate) const EVENTS: &str = "probity.events.v1";

/// What is wrong, and where: a full name, or a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding<R> {
    pub(crate) rule: R,
    pub(crate) at: String,
}

impl<R> Finding<R> {
    pub(crate) fn new(rule: R, at: &str) -> Self {
        Self { rule, at: at.to_owned() }
    }
}

/// Every file of `proto/` by its name there.
#[derive(Clone)]
pub(crate) struct Sources(BTreeMap<String, String>);

impl Sources {
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "proto") {
                    let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, fs::read_to_string(path).unwrap());
                }
            }
        }
        Self(files)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The sources with `old` replaced by `new`; `old` stands once in all of them.
    pub(crate) fn with(mut self, old: &str, new: &str) -> Self {
        let places: usize = self.0.values().map(|text| text.matches(old).count()).sum();
        assert_eq!(places, 1, "the planted change stands in one place: {old}");
        for text in self.0.values_mut() {
            *text = text.replace(old, new);
        }
        self
    }

    /// The sources with one more file, or another text of a file.
    pub(crate) fn with_file(mut self, name: &str, text: &str) -> Self {
        self.0.insert(name.to_owned(), text.to_owned());
        self
    }

    /// A serialized `FileDescriptorSet` of all of them.
    pub(crate) fn compile(&self, with_comments: bool) -> Vec<u8> {
        let mut resolver = ChainFileResolver::new();
        resolver.add(self.clone());
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_imports(true).include_source_info(with_comments);
        compiler.open_files(self.names()).unwrap();
        compiler.encode_file_descriptor_set()
    }

    pub(crate) fn pool(&self) -> DescriptorPool {
        DescriptorPool::decode(&*self.compile(true)).unwrap()
    }
}

impl FileResolver for Sources {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        let text = self.0.get(name).ok_or_else(|| protox::Error::file_not_found(name))?;
        File::from_source(name, text)
    }
}

/// `probity.options.v1.EventOptions`, of a message that is an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EventOptions {
    pub(crate) event_type: String,
    pub(crate) version: u32,
    pub(crate) erasure: bool,
}

impl EventOptions {
    pub(crate) fn of(message: &MessageDescriptor) -> Option<Self> {
        let pool = message.parent_pool();
        let options = option(pool, "probity.options.v1.event", &message.options())?;
        let options = options.as_message().unwrap();
        Some(Self {
            event_type: text(options, "type"),
            version: number(options, "version"),
            erasure: options.get_field_by_name("leaf").unwrap().as_enum_number() == Some(1),
        })
    }
}

/// Whether a message describes a human being.
pub(crate) fn is_personal(message: &MessageDescriptor) -> bool {
    option(message.parent_pool(), "probity.options.v1.personal", &message.options())
        .is_some_and(|v| v == Value::Bool(true))
}

/// `probity.options.v1.FieldRules`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) required: bool,
    pub(crate) id_of: String,
    pub(crate) stream: bool,
    pub(crate) subject: bool,
    pub(crate) format: i32,
    pub(crate) max_bytes: u32,
    pub(crate) max_items: u32,
    pub(crate) seal: Option<Seal>,
}

/// `probity.options.v1.Seal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) class: i32,
    pub(crate) key_of: String,
    pub(crate) year_of: String,
}

impl Rules {
    pub(crate) fn of(field: &FieldDescriptor) -> Self {
        let Some(rules) = option(field.parent_pool(), "probity.options.v1.rules", &field.options()) else {
            return Self::default();
        };
        let rules = rules.as_message().unwrap();
        let is = |name: &str| rules.get_field_by_name(name).unwrap().as_bool().unwrap();
        let seal = rules.has_field_by_name("seal").then(|| {
            let seal = rules.get_field_by_name("seal").unwrap();
            let seal = seal.as_message().unwrap();
            Seal {
                class: seal.get_field_by_name("class").unwrap().as_enum_number().unwrap(),
                key_of: text(seal, "key_of"),
                year_of: text(seal, "year_of"),
            }
        });
        Self {
            required: is("required"),
            id_of: text(rules, "id_of"),
            stream: is("stream"),
            subject: is("subject"),
            format: rules.get_field_by_name("format").unwrap().as_enum_number().unwrap(),
            max_bytes: number(rules, "max_bytes"),
            max_items: number(rules, "max_items"),
            seal,
        }
    }
}

fn option(pool: &DescriptorPool, name: &str, options: &DynamicMessage) -> Option<Value> {
    let extension = pool.get_extension_by_name(name)?;
    options.has_extension(&extension).then(|| options.get_extension(&extension).into_owned())
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).unwrap().as_str().unwrap().to_owned()
}

fn number(message: &DynamicMessage, field: &str) -> u32 {
    message.get_field_by_name(field).unwrap().as_u32().unwrap()
}
