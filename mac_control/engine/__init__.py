"""The any-order conditional model: masks, orders, networks, heads, queries."""
