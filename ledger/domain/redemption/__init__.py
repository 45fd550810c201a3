"""Redemption, pure: what points can be redeemed for (`terms`), what was reserved, spent and given back (`state`), and
how each command about it is decided (`decisions`). No points move here: the engine moves them."""
