"""The physical plan: steps named by what they act on, and the streams topology made of them."""
