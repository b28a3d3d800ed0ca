//! How a product reaches its buyer.

/// How a product reaches its buyer. Source: `kind` in the seller's file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProductKind {
    /// In a parcel, to an address.
    #[default]
    Shipped,
    /// On the order's page: files, codes or a text.
    Digital,
    /// The buyer collects it.
    Pickup,
    /// Something is done for the buyer.
    Service,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("one of shipped, digital, pickup, service")]
pub struct NotAKind;

impl ProductKind {
    pub const ALL: [Self; 4] = [Self::Shipped, Self::Digital, Self::Pickup, Self::Service];

    /// # Errors
    /// [`NotAKind`] for any other word.
    pub fn parse(text: &str) -> Result<Self, NotAKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(NotAKind)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shipped => "shipped",
            Self::Digital => "digital",
            Self::Pickup => "pickup",
            Self::Service => "service",
        }
    }

    /// For the seller.
    pub fn title(self) -> &'static str {
        match self {
            Self::Shipped => "Shipped",
            Self::Digital => "Digital",
            Self::Pickup => "Pickup",
            Self::Service => "Service",
        }
    }

    /// Whether it needs an address and a shipping method.
    pub fn is_shipped(self) -> bool {
        self == Self::Shipped
    }

    /// Whether it is delivered on the order's page, with nothing left for the seller to do.
    pub fn is_digital(self) -> bool {
        self == Self::Digital
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_one_of_four_words() {
        for kind in ProductKind::ALL {
            assert_eq!(ProductKind::parse(kind.as_str()), Ok(kind));
        }
        for text in ["", "Digital", "download", " shipped"] {
            assert_eq!(ProductKind::parse(text), Err(NotAKind), "{text:?}");
        }
    }
}
