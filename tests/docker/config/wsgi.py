from demo.wsgi import application

__all__ = ["application"]
