"""Docstrings of each style, as Markdown."""

import inspect
import time

import pytest

from snakebridge.docstrings import to_markdown


def check(text, expected):
    assert to_markdown(inspect.cleandoc(text)) == inspect.cleandoc(expected)


def test_numpydoc():
    check(
        """
        area(r, unit=None)

        The ``area`` of a circle, see :func:`numpy.pi` and `the page
        <https://example.org/a_b>`_.

        Parameters
        ----------
        r : float
            The radius, *positive*.

            Of the circle.
        unit, scale : str, optional
            A unit.
        *args
            More.

        Returns
        -------
        float
            The area.

        Raises
        ------
        ValueError
            If r < 0.

        See Also
        --------
        length : The length.

        Notes
        -----
        .. versionadded:: 1.2

        .. math:: \\\\pi r^2

        Examples
        --------
        >>> area(1)
        3.14
        """,
        """
        The `area` of a circle, see `numpy.pi` and [the page](https://example.org/a_b).

        ## Parameters

        - **r** (`float`): The radius, *positive*.

          Of the circle.

        - **unit**, **scale** (`str, optional`): A unit.
        - **\\*args**: More.

        ## Returns

        - `float`: The area.

        ## Raises

        - `ValueError`: If r \\< 0.

        ## See also

        - `length`: The length.

        ## Notes

        *Since 1.2.*

        ```text
        \\\\pi r^2
        ```

        ## Examples

        ```pycon
        >>> area(1)
        3.14
        ```
        """,
    )


def test_google():
    check(
        """
        Fetches rows.

        Args:
            table (str): The name
                of the table.
            keys: Which ones; an ``int`` each.
            **options: More.

        Returns:
            dict: Rows by key.

        Raises:
            IOError: When it is gone.

        Example:
            >>> fetch("t")
            {}
        """,
        """
        Fetches rows.

        ## Parameters

        - **table** (`str`): The name
          of the table.
        - **keys**: Which ones; an `int` each.
        - **\\*\\*options**: More.

        ## Returns

        - `dict`: Rows by key.

        ## Raises

        - `IOError`: When it is gone.

        ## Examples

        ```pycon
        >>> fetch("t")
        {}
        ```
        """,
    )


def test_fields():
    check(
        """
        Sends.

        :param str url: Where to,
            as text.
        :param data: What.
        :type data: bytes
        :returns: The answer.
        :rtype: Response
        :raises ValueError: If it is no URL.
        """,
        """
        Sends.

        ## Parameters

        - **url** (`str`): Where to,
          as text.
        - **data** (`bytes`): What.

        ## Returns

        - `Response`: The answer.

        ## Raises

        - `ValueError`: If it is no URL.
        """,
    )


def test_restructured_text():
    check(
        """
        A title
        =======

        Use it so::

            run(x)

        .. note:: It is ``slow``.

        * one
        * two
        """,
        """
        ### A title

        Use it so:

        ```python
        run(x)
        ```

        > **Note**
        >
        > It is `slow`.

        - one
        - two
        """,
    )


def test_what_is_plain_stays():
    check("Return the *args of x_y.", r"Return the \*args of x_y.")
    options = "Options:\n  -a   all\n  -b   none"
    assert to_markdown(options) == f"```text\n{options}\n```"
    assert to_markdown("") == ""


@pytest.mark.parametrize(
    "part",
    [
        "x `a",
        "*a ",
        "::\n",
        "- a\n  b\n",
        "`a <b ",
        "a\n---\n",
        ":param a: b\n",
        ".. note:: x\n",
        " \n",
        "Args:\n\n",
    ],
)
def test_nothing_takes_long(part):
    started = time.process_time()
    to_markdown(part * (100_000 // len(part)))
    # Some hundred milliseconds; what grows with the square of the length would take minutes.
    assert time.process_time() - started < 20
