//! Reads many balances with one `eth_call` that simulates the creation of a contract. The node runs the `data` as init
//! code, and its return value is the answer. So one call reads hundreds of balances in one state of the chain.

use data_encoding::HEXLOWER;

use crate::domain::payment::{Address, Coin};
use crate::infra::node::NodeError;

/// What to count at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asset<'a> {
    Coin,
    /// The token's contract.
    Token(&'a str),
}

impl<'a> Asset<'a> {
    pub fn of(coin: &'a Coin) -> Self {
        match coin {
            Coin::Token { contract, .. } => Self::Token(contract),
            _ => Self::Coin,
        }
    }

    /// How many addresses fit into one call.
    ///
    /// Source: init code can return at most 24,576 bytes (EIP-170), 768 words; reading a balance costs 2,600 gas
    /// (EIP-2929), for a token several times as much, and nodes allow a call about 30 million.
    pub fn most_addresses(self) -> usize {
        match self {
            Self::Coin => 500,
            Self::Token(_) => 250,
        }
    }

    /// How many words of the answer precede the balances.
    pub fn n_words_before(self) -> usize {
        match self {
            Self::Coin => 1,
            Self::Token(_) => 3,
        }
    }

    /// Adds the token's name to an error of a call.
    pub fn explain_token_error(self, error: NodeError) -> NodeError {
        match (self, error) {
            (Self::Token(contract), NodeError::Refused { node, method, code, message }) => {
                let message = format!(
                    "{message}; check that {contract} is the token's contract on this chain"
                );
                NodeError::Refused { node, method, code, message }
            }
            (_, error) => error,
        }
    }

    /// The `data` of a call for these addresses.
    pub fn data(self, addresses: &[&Address]) -> String {
        let mut data = String::from("0x");
        match self {
            Self::Coin => HEXLOWER.encode_append(COINS, &mut data),
            Self::Token(contract) => {
                HEXLOWER.encode_append(TOKENS, &mut data);
                push_digits(&mut data, contract);
            }
        }
        for address in addresses {
            push_digits(&mut data, address.as_str());
        }
        data
    }
}

fn push_digits(data: &mut String, address: &str) {
    data.push_str(&address[2..].to_ascii_lowercase());
}

/// Returns the balances of all addresses appended to the code, 20 bytes each.
///
/// Memory: word 0 holds the current address; balances are appended, since MSIZE is always the end of the memory. All of
/// the memory is returned. Its first byte is zero: init code may not return anything that begins with 0xEF (EIP-3541).
/// Stack, after each line; `at` is the position of the next address in the code.
const COINS: &[u8] = &[
    0x60, 0x21, // 00  PUSH1 33          at: right after the last line
    0x5b, //       02  JUMPDEST          at               the loop
    0x38, //       03  CODESIZE          at size
    0x81, //       04  DUP2              at size at
    0x10, //       05  LT                at (at < size)
    0x15, //       06  ISZERO            at (size <= at)
    0x60, 0x1c, // 07  PUSH1 28
    0x57, //       09  JUMPI             at               to the end if no address is left
    0x60, 0x14, // 0a  PUSH1 20          at 20
    0x81, //       0c  DUP2              at 20 at
    0x60, 0x0c, // 0d  PUSH1 12          at 20 at 12
    0x39, //       0f  CODECOPY          at               20 bytes of the program to memory 12: word 0 is the address
    0x60, 0x00, // 10  PUSH1 0           at 0
    0x51, //       12  MLOAD             at address
    0x31, //       13  BALANCE           at balance
    0x59, //       14  MSIZE             at balance end
    0x52, //       15  MSTORE            at               the memory grows by a word
    0x60, 0x14, // 16  PUSH1 20          at 20
    0x01, //       18  ADD               at
    0x60, 0x02, // 19  PUSH1 2
    0x56, //       1b  JUMP              at
    0x5b, //       1c  JUMPDEST          at               the end
    0x59, //       1d  MSIZE             at length
    0x60, 0x00, // 1e  PUSH1 0           at length 0
    0xf3, //       20  RETURN
];

/// The same for a token, whose contract precedes the addresses. If the contract fails or returns less than a word, the
/// whole call fails.
///
/// Memory: bytes 28 to 63 are the input of the contract, `balanceOf(address)`; word 2 is its output; balances are
/// appended from word 3 on, since the first call makes the memory three words long.
const TOKENS: &[u8] = &[
    0x60, 0x14, // 00  PUSH1 20          20
    0x60, 0x4b, // 02  PUSH1 75          20 75            right after the last line
    0x60, 0x0c, // 04  PUSH1 12          20 75 12
    0x39, //       06  CODECOPY                           word 0 is the contract
    0x60, 0x00, // 07  PUSH1 0           0
    0x51, //       09  MLOAD             token
    0x63, 0x70, 0xa0, 0x82,
    0x31, // 0a  PUSH4  token selector   keccak256("balanceOf(address)"), first four bytes
    0x60, 0x00, // 0f  PUSH1 0           token selector 0
    0x52, //       11  MSTORE            token            the selector in bytes 28 to 31
    0x60, 0x5f, // 12  PUSH1 95          token at         75 + 20
    0x5b, //       14  JUMPDEST          token at         the loop
    0x38, //       15  CODESIZE          token at size
    0x81, //       16  DUP2              token at size at
    0x10, //       17  LT                token at (at < size)
    0x15, //       18  ISZERO            token at (size <= at)
    0x60, 0x41, // 19  PUSH1 65
    0x57, //       1b  JUMPI             token at         to the end
    0x60, 0x14, // 1c  PUSH1 20          token at 20
    0x81, //       1e  DUP2              token at 20 at
    0x60, 0x2c, // 1f  PUSH1 44          token at 20 at 44
    0x39, //       21  CODECOPY          token at         word 1 is the address
    0x60, 0x20, // 22  PUSH1 32          token at 32      length of the output
    0x60, 0x40, // 24  PUSH1 64          … 64             its offset
    0x60, 0x24, // 26  PUSH1 36          … 36             length of the input
    0x60, 0x1c, // 28  PUSH1 28          … 28             its offset
    0x85, //       2a  DUP6              token at 32 64 36 28 token
    0x5a, //       2b  GAS               … token gas
    0xfa, //       2c  STATICCALL        token at done
    0x15, //       2d  ISZERO            token at failed
    0x60, 0x20, // 2e  PUSH1 32          token at failed 32
    0x3d, //       30  RETURNDATASIZE    token at failed 32 n
    0x10, //       31  LT                token at failed (n < 32)
    0x17, //       32  OR                token at bad
    0x60, 0x46, // 33  PUSH1 70
    0x57, //       35  JUMPI             token at         to the failure
    0x60, 0x40, // 36  PUSH1 64          token at 64
    0x51, //       38  MLOAD             token at balance
    0x59, //       39  MSIZE             token at balance end
    0x52, //       3a  MSTORE            token at
    0x60, 0x14, // 3b  PUSH1 20          token at 20
    0x01, //       3d  ADD               token at
    0x60, 0x14, // 3e  PUSH1 20          the start of the loop
    0x56, //       40  JUMP              token at
    0x5b, //       41  JUMPDEST          token at         the end
    0x59, //       42  MSIZE             token at length
    0x60, 0x00, // 43  PUSH1 0           token at length 0
    0xf3, //       45  RETURN
    0x5b, //       46  JUMPDEST          token at         the failure
    0x60, 0x00, // 47  PUSH1 0           token at 0
    0x80, //       49  DUP1              token at 0 0
    0xfd, //       4a  REVERT
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_reads_what_is_appended_to_it() {
        assert_eq!(COINS.len(), usize::from(COINS[1]));
        assert_eq!(TOKENS.len(), usize::from(TOKENS[3]));
        assert_eq!(TOKENS.len() + 20, usize::from(TOKENS[0x13]));
    }

    #[test]
    fn every_jump_lands() {
        for (program, jumps) in [(COINS, vec![0x07, 0x19]), (TOKENS, vec![0x19, 0x33, 0x3e])] {
            for at in jumps {
                assert_eq!(program[at], 0x60);
                assert_eq!(program[usize::from(program[at + 1])], 0x5b, "{at:x}");
            }
        }
    }

    #[test]
    fn a_call_is_a_program_and_its_addresses() {
        let coin = Coin::Ether { chain: 1 };
        let address = Address::parse(&coin, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed").unwrap();
        let data = Asset::of(&coin).data(&[&address, &address]);
        assert_eq!(data.len(), 2 + 2 * (33 + 40));
        assert!(data.ends_with("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"));
        let contract = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48".to_owned();
        let token = Coin::Token { chain: 1, contract, decimals: 6 };
        let data = Asset::of(&token).data(&[&address]);
        assert_eq!(data.len(), 2 + 2 * (75 + 40));
        // Source: EIP-3860.
        assert!(Asset::Coin.most_addresses() * 20 + 100 < 49_152);
        assert!((Asset::Coin.most_addresses() + 3) * 32 < 24_576);
    }
}
