"""Tests of the second implementation: python3 -m unittest discover specs/reference/tests"""
