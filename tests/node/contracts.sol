// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import "@openzeppelin/contracts/token/ERC20/ERC20.sol";

contract Token is ERC20 {
    uint8 private immutable places;

    constructor(string memory symbol, uint8 decimals_) ERC20(symbol, symbol) {
        places = decimals_;
        _mint(msg.sender, 1e36);
    }

    function decimals() public view override returns (uint8) {
        return places;
    }
}

// Pays as exchanges and wallets of contracts do: no transaction to the address, and no log.
contract Payer {
    receive() external payable {}

    function pay(address payable to, uint256 amount) external {
        (bool done,) = to.call{value: amount}("");
        require(done);
    }

    function payAndFail(address payable to, uint256 amount) external {
        to.transfer(amount);
        revert();
    }
}

contract Exploder {
    constructor(address payable to) payable {
        selfdestruct(to);
    }
}
