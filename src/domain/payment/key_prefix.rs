//! How the extended public keys of wallets begin.

/// The beginning of an extended public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPrefix {
    pub text: &'static str,
    /// The first four bytes, which Base58 shows as the text.
    pub version: [u8; 4],
}

/// Source: BIP-32.
pub const XPUB: KeyPrefix = KeyPrefix { text: "xpub", version: [0x04, 0x88, 0xB2, 0x1E] };
/// Source: SLIP-132, also for those below.
pub const YPUB: KeyPrefix = KeyPrefix { text: "ypub", version: [0x04, 0x9D, 0x7C, 0xB2] };
pub const ZPUB: KeyPrefix = KeyPrefix { text: "zpub", version: [0x04, 0xB2, 0x47, 0x46] };
pub const LTUB: KeyPrefix = KeyPrefix { text: "Ltub", version: [0x01, 0x9D, 0xA4, 0x62] };
pub const MTUB: KeyPrefix = KeyPrefix { text: "Mtub", version: [0x01, 0xB2, 0x6E, 0xF6] };
/// Source: Dogecoin Core, `chainparams.cpp`.
pub const DGUB: KeyPrefix = KeyPrefix { text: "dgub", version: [0x02, 0xFA, 0xCA, 0xFD] };

/// Of keys of a single signer, on any main network.
pub const OF_ONE: [KeyPrefix; 6] = [XPUB, YPUB, ZPUB, LTUB, MTUB, DGUB];

/// `Ypub`, `Zpub`. Source: SLIP-132.
pub const OF_SEVERAL: [[u8; 4]; 2] = [[0x02, 0x95, 0xB4, 0x3F], [0x02, 0xAA, 0x7E, 0xD3]];

/// `tpub`, `upub`, `vpub`, `Upub`, `Vpub`; Litecoin's `ttub`, Dogecoin's `tgub`.
/// Source: SLIP-132; Dogecoin Core, `chainparams.cpp`.
pub const OF_TEST_NETWORKS: [[u8; 4]; 7] = [
    [0x04, 0x35, 0x87, 0xCF],
    [0x04, 0x4A, 0x52, 0x62],
    [0x04, 0x5F, 0x1C, 0xF6],
    [0x02, 0x42, 0x89, 0xEF],
    [0x02, 0x57, 0x54, 0x83],
    [0x04, 0x36, 0xF6, 0xE1],
    [0x04, 0x32, 0xA9, 0xA8],
];
