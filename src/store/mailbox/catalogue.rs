//! Reference data: all of it in memory for readers, replaced whole when something is defined.
//!
//! Invariant: what is in memory is what the last durable change left. Pictures are on disk only; whose pictures there are stands with
//! what they belong to.
use std::ops::ControlFlow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use estafette_actors::domain::mailbox::reference::{
    Application, ENTRIES, IMAGES, Image, MessageType, Organization, RefId, Reference,
};
use estafette_actors::ports::mailbox::{ImageOf, Trouble};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::super::codec;
use super::super::engine::{Draft, Engine, Table};
use super::{APPLICATIONS, IMAGE_BYTES, IMAGES as PICTURES, ORGANIZATIONS, TYPES, counter, damaged};

/// See the head of this file. Clones are one.
#[derive(Clone)]
pub struct Catalogue(Arc<ArcSwap<Reference>>);

/// What is kept of a kind: its table, the key of an entry, and how many there may be.
trait Entry: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    const TABLE: Table;
    /// Under which name they are counted.
    const COUNT: &'static [u8];
    const TOO_MANY: &'static str;
    fn key(&self) -> Vec<u8>;
    fn list(reference: &mut Reference) -> &mut Vec<Self>;
}

impl Entry for MessageType {
    const TABLE: Table = TYPES;
    const COUNT: &'static [u8] = b"types";
    const TOO_MANY: &'static str = "there are 10,000 message types, which is the most: change one that is used no more";
    fn key(&self) -> Vec<u8> {
        self.id.as_str().into()
    }
    fn list(reference: &mut Reference) -> &mut Vec<Self> {
        &mut reference.types
    }
}

impl Entry for Application {
    const TABLE: Table = APPLICATIONS;
    const COUNT: &'static [u8] = b"applications";
    const TOO_MANY: &'static str = "there are 10,000 applications, which is the most: change one that is used no more";
    fn key(&self) -> Vec<u8> {
        self.id.as_str().into()
    }
    fn list(reference: &mut Reference) -> &mut Vec<Self> {
        &mut reference.applications
    }
}

impl Entry for Organization {
    const TABLE: Table = ORGANIZATIONS;
    const COUNT: &'static [u8] = b"organizations";
    const TOO_MANY: &'static str = "there are 10,000 organisations, which is the most: change one that is used no more";
    fn key(&self) -> Vec<u8> {
        self.cbe.as_u32().to_be_bytes().into()
    }
    fn list(reference: &mut Reference) -> &mut Vec<Self> {
        &mut reference.organizations
    }
}

/// A picture on disk.
#[derive(Serialize, Deserialize)]
struct Picture {
    image: Image,
    bytes: Vec<u8>,
}

fn image_key(of: &ImageOf, id: &RefId) -> Vec<u8> {
    // No identifier has a zero byte.
    let of = match of {
        ImageOf::Application(application) => [b"a", application.as_str().as_bytes()].concat(),
        ImageOf::Organization(cbe) => [b"o", &cbe.as_u32().to_be_bytes()[..]].concat(),
    };
    [&of, &[0][..], id.as_str().as_bytes()].concat()
}

impl Catalogue {
    /// Reads all of it.
    pub fn load(engine: &Engine) -> Result<Self, Trouble> {
        let types = all(engine)?;
        let reference = Reference { types, applications: all(engine)?, organizations: all(engine)? };
        Ok(Self(Arc::new(ArcSwap::from_pointee(reference))))
    }

    /// What there is.
    pub fn now(&self) -> Arc<Reference> {
        self.0.load_full()
    }

    /// Defines a message type.
    pub fn define_type(&self, draft: &mut Draft<'_>, definition: MessageType) -> Result<(), Trouble> {
        self.put(draft, definition)
    }

    /// Defines an application; its pictures stay.
    pub fn define_application(&self, draft: &mut Draft<'_>, mut definition: Application) -> Result<(), Trouble> {
        let known: Option<Application> = known(draft, &definition.key())?;
        definition.images = known.map_or_else(Vec::new, |known| known.images);
        self.put(draft, definition)
    }

    /// Defines an organisation; its pictures stay.
    pub fn define_organization(&self, draft: &mut Draft<'_>, mut definition: Organization) -> Result<(), Trouble> {
        let known: Option<Organization> = known(draft, &definition.key())?;
        definition.images = known.map_or_else(Vec::new, |known| known.images);
        self.put(draft, definition)
    }

    fn put<T: Entry>(&self, draft: &mut Draft<'_>, entry: T) -> Result<(), Trouble> {
        let key = entry.key();
        if draft.get(T::TABLE, &key)?.is_none() && counter::take(draft, T::COUNT, 1)? > ENTRIES as u64 {
            return Err(Trouble::TooMany(T::TOO_MANY));
        }
        draft.put(T::TABLE, &key, codec::encode(&entry));
        let here = Arc::clone(&self.0);
        draft.after(move || {
            let mut reference = Reference::clone(&here.load());
            let list = T::list(&mut reference);
            match list.binary_search_by(|one| one.key().cmp(&key)) {
                Ok(place) => list[place] = entry,
                Err(place) => list.insert(place, entry),
            }
            here.store(Arc::new(reference));
        });
        Ok(())
    }

    /// Puts a picture of what is defined, or replaces it.
    pub fn set_image(&self, draft: &mut Draft<'_>, of: &ImageOf, image: Image, bytes: &Bytes) -> Result<(), Trouble> {
        if bytes.len() > IMAGE_BYTES {
            return Err(Trouble::TooMany("a picture has 256 KiB at most: make it smaller"));
        }
        let image = Image { size: bytes.len() as u32, ..image };
        let picture = codec::encode(&Picture { image: image.clone(), bytes: bytes.to_vec() });
        draft.put(PICTURES, &image_key(of, &image.id), picture);
        match of {
            ImageOf::Application(id) => {
                let mut entry: Application = known(draft, id.as_str().as_bytes())?.ok_or(Trouble::NotFound)?;
                hang(&mut entry.images, image)?;
                self.put(draft, entry)
            }
            ImageOf::Organization(cbe) => {
                let mut entry: Organization = known(draft, &cbe.as_u32().to_be_bytes())?.ok_or(Trouble::NotFound)?;
                hang(&mut entry.images, image)?;
                self.put(draft, entry)
            }
        }
    }
}

fn hang(images: &mut Vec<Image>, image: Image) -> Result<(), Trouble> {
    match images.iter().position(|one| one.id == image.id) {
        Some(place) => images[place] = image,
        None if images.len() >= IMAGES => {
            return Err(Trouble::TooMany("there are 8 pictures of it, which is the most: replace one"));
        }
        None => images.push(image),
    }
    Ok(())
}

fn known<T: Entry>(draft: &Draft<'_>, key: &[u8]) -> Result<Option<T>, Trouble> {
    draft.get(T::TABLE, key)?.map(|bytes| codec::decode(&bytes).map_err(|_| damaged())).transpose()
}

fn all<T: Entry>(engine: &Engine) -> Result<Vec<T>, Trouble> {
    let (mut entries, mut is_damaged) = (Vec::new(), false);
    engine.scan(T::TABLE, &[], None, |_, bytes| {
        match codec::decode(bytes) {
            Ok(entry) => entries.push(entry),
            Err(_) => is_damaged = true,
        }
        if is_damaged { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if is_damaged { Err(damaged()) } else { Ok(entries) }
}

/// A picture.
pub fn image(engine: &Engine, of: &ImageOf, id: &RefId) -> Result<Option<(Image, Bytes)>, Trouble> {
    let found = engine.with(PICTURES, &image_key(of, id), |found| found.map(codec::decode::<Picture>))?;
    let found = found.transpose().map_err(|_| damaged())?;
    Ok(found.map(|Picture { image, bytes }| (image, bytes.into())))
}
