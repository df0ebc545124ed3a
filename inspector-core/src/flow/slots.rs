//! Values in stable places, each in one of several lists that are kept in order at O(1).

/// No slot.
pub(crate) const NONE: u32 = u32::MAX;

/// The order of some slots.
#[derive(Debug)]
pub(crate) struct List {
    first: u32,
    last: u32,
    length: usize,
}

impl List {
    pub(crate) const fn new() -> Self {
        Self { first: NONE, last: NONE, length: 0 }
    }

    /// The one that was put in longest ago.
    pub(crate) const fn first(&self) -> Option<u32> {
        if self.first == NONE { None } else { Some(self.first) }
    }

    pub(crate) const fn len(&self) -> usize {
        self.length
    }
}

#[derive(Debug)]
struct Slot<T> {
    previous: u32,
    next: u32,
    value: Option<T>,
}

/// The values. Places of removed ones are used again.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn get(&self, place: u32) -> Option<&T> {
        self.slots.get(place as usize)?.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        self.slots.get_mut(place as usize)?.value.as_mut()
    }

    /// All values with their places, in no telling order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().zip(0..).filter_map(|(slot, place)| Some((place, slot.value.as_ref()?)))
    }

    /// Stores a value; it is in no list yet.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        let slot = Slot { previous: NONE, next: NONE, value: Some(value) };
        if let Some(place) = self.free.pop()
            && let Some(free) = self.slots.get_mut(place as usize)
        {
            *free = slot;
            return place;
        }
        let place = u32::try_from(self.slots.len()).unwrap_or(NONE);
        self.slots.push(slot);
        place
    }

    /// Takes a value out; it must have been unlinked.
    pub(crate) fn remove(&mut self, place: u32) -> Option<T> {
        let value = self.slots.get_mut(place as usize)?.value.take()?;
        self.free.push(place);
        Some(value)
    }

    /// Puts a slot that is in no list at the end of one.
    pub(crate) fn link(&mut self, list: &mut List, place: u32) {
        let last = list.last;
        if let Some(slot) = self.slots.get_mut(place as usize) {
            (slot.previous, slot.next) = (last, NONE);
        }
        match self.slots.get_mut(last as usize) {
            Some(slot) => slot.next = place,
            None => list.first = place,
        }
        list.last = place;
        list.length += 1;
    }

    /// Takes a slot out of the list it is in.
    pub(crate) fn unlink(&mut self, list: &mut List, place: u32) {
        let Some(slot) = self.slots.get_mut(place as usize) else { return };
        let (previous, next) = (slot.previous, slot.next);
        (slot.previous, slot.next) = (NONE, NONE);
        match self.slots.get_mut(previous as usize) {
            Some(slot) => slot.next = next,
            None => list.first = next,
        }
        match self.slots.get_mut(next as usize) {
            Some(slot) => slot.previous = previous,
            None => list.last = previous,
        }
        list.length = list.length.saturating_sub(1);
    }

    /// Moves a slot of the list to its end.
    pub(crate) fn touch(&mut self, list: &mut List, place: u32) {
        if list.last != place {
            self.unlink(list, place);
            self.link(list, place);
        }
    }
}
