"""What users do on the page."""

_FOCUSED = "(document.activeElement.ariaLabel || document.activeElement.textContent).trim()"


def reach(page, name):
    """Press Tab until the element with that name has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate(_FOCUSED) == name:
            return
    raise AssertionError(f"Tab does not reach {name!r}")


def sign_in(page, token):
    """Enter the token in the sign-in form."""
    page.get_by_label("Access token").fill(token)
    page.keyboard.press("Enter")
